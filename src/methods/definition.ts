/** @file A method before its network is built: what recipe, ablation, memory plan and report know of it. Loads no libtorch. */
import type { z } from 'zod'
import type { Normalisation } from '../data/transforms/normalise.ts'
import type { UnitRounding } from '../data/transforms/views.ts'
import type { Encoder } from '../models/encoder.ts'
import type { EncoderLook } from '../models/encoder-memory.ts'
import type { Recognised, Shapes } from '../models/recognised.ts'
import type { AutoencoderSettings } from './autoencoder-recipe.ts'
import type { Autoencoder, Method } from './method.ts'
import type { AugmentRecipe } from './train-recipe.ts'

/** Two settings that do not fit together: where, and "problem; expected what would be right". */
export interface RecipeProblem {
  readonly path: string[]
  readonly message: string
}

/** One entry of an ablation. */
export interface AblationVariant {
  /** Part of its runs' names. */
  readonly name: string
  /** `key=value` texts, as after --set. */
  readonly set: readonly string[]
}

/** One look at an image for its CAMs: a batch of it alone, or of it and its flip. */
export interface MapsLook extends EncoderLook {
  readonly classes: number
}

/** A file of weights before it is loaded. */
export interface WeightFileFacts {
  readonly file: string
  readonly weights: Shapes
  readonly metadata: Readonly<Record<string, string>>
  readonly isChosen: (key: string) => boolean
}

/** The autoencoder of a method: the stage autoencoder trains it, with the settings of its section. */
export interface AutoencoderDefinition<R> {
  encoder(recipe: R): Encoder
  /** Builds it with freshly drawn weights. Loads libtorch. */
  build(recipe: R, options: { numClasses: number }): Promise<Autoencoder>
}

export interface BuildOptions {
  readonly numClasses: number
  /** Trained; needed for losses only. */
  readonly autoencoder?: Autoencoder | undefined
}

/** Fields of a recipe that only some methods have. */
export type Further = { readonly autoencoder?: z.ZodType<AutoencoderSettings> }

export interface Definition<
  Name extends string,
  Model extends z.ZodType,
  Train extends z.ZodRawShape,
  Maps extends z.ZodRawShape,
  More extends Further = Further,
> {
  readonly name: Name
  readonly model: Model
  /** Fields beside those that every `train` section has, such as `losses`. */
  readonly train: Train
  /** Fields beside those that every `maps` section has. */
  readonly maps: Maps
  /** Sections that other methods do not have. */
  readonly further?: More
  readonly autoencoder?: AutoencoderDefinition<Own<Model, Train, Maps, More>>
  check?(recipe: Own<Model, Train, Maps, More>): RecipeProblem[]
  /** Problems of a training of so many steps, known once the images are counted. */
  checkLength?(recipe: Own<Model, Train, Maps, More>, steps: number): RecipeProblem[]
  /** For the report: the network, and how its CAMs are made, each in a few words. */
  words(recipe: Own<Model, Train, Maps, More>): { readonly network: string; readonly maps: string }
  /** What `tagmask ablate` compares unless told; the first is what the others are measured against. */
  variants(recipe: Own<Model, Train, Maps, More>): AblationVariant[]
  /** Further ones, compared only by name. */
  namedVariants?(recipe: Own<Model, Train, Maps, More>): AblationVariant[]
  /** How each view of a training image is cut; the one that `train.augment` describes unless told. */
  views?(
    recipe: Own<Model, Train, Maps, More> & { readonly train: { readonly augment: AugmentRecipe } },
  ): readonly AugmentRecipe[]
  /** Views of an image that `imageCams` takes, where they are not those of `maps.scales` to the pixel: sides are multiples of `unit`, by this rounding. */
  camViews?(recipe: Pick<Own<Model, Train, Maps, More>, 'model' | 'maps'>): {
    readonly scales?: readonly number[]
    readonly unit?: number
    readonly rounding?: UnitRounding
  }
  /** What a training step costs beside a pass of the encoder for each view, forward and back, in such passes; default: nothing.
   * `tags`: classes of an image. */
  furtherPasses?(recipe: Own<Model, Train, Maps, More>, look: { readonly tags: number }): number
  /** Why several processes cannot share its batches, and what helps; undefined, or absent, where they can. */
  alone?(recipe: Own<Model, Train, Maps, More>): { readonly why: string; readonly remedy: string } | undefined
  /** Background threshold that its CAMs are made for; undefined, or absent, where one has to be found. */
  threshold?(recipe: Pick<Own<Model, Train, Maps, More>, 'maps'>): number | undefined
  /** The encoder that it trains: AffinityNet and segmentation may start from one like it. */
  encoder(model: z.output<Model>): Encoder
  /** What a file is, by names and shapes, where it holds this method's whole network; `metadata`: of a safetensors file. */
  recognise(weights: Shapes, metadata: Readonly<Record<string, string>>): Recognised | undefined
  /** Throws InputError for a file that its names do not tell from another. `isChosen`: whether a key was written by somebody, not defaulted. */
  checkFile?(recipe: Pick<Own<Model, Train, Maps, More>, 'model'>, file: WeightFileFacts): void
  /** What the names of its weights do not tell, for the metadata of their file. */
  metadata?(recipe: Pick<Own<Model, Train, Maps, More>, 'model'>): Readonly<Record<string, string>>
  /** Bytes that one look for CAMs takes beside the network and the images. */
  mapsMemory(recipe: Pick<Own<Model, Train, Maps, More>, 'model' | 'maps'>, look: MapsLook): number
  /** Whether the network that the stage `train` trains labels images by a head of its own (Method.labeller). */
  readonly labels?: boolean
  /** Builds the network with freshly drawn weights. Loads libtorch. */
  build(
    recipe: Own<Model, Train, Maps, More> & { readonly normalise: Normalisation },
    options: BuildOptions,
  ): Promise<Method>
}

type Own<
  Model extends z.ZodType,
  Train extends z.ZodRawShape,
  Maps extends z.ZodRawShape,
  More extends Further,
> = {
  readonly model: z.output<Model>
  readonly train: z.output<z.ZodObject<Train>>
  readonly maps: z.output<z.ZodObject<Maps>>
} & { readonly [Section in keyof More]: z.output<Exclude<More[Section], undefined>> }

/** Checks the types of a definition against its own sections. */
export function defineMethod<
  Name extends string,
  Model extends z.ZodType,
  Train extends z.ZodRawShape,
  Maps extends z.ZodRawShape,
  More extends Further = Record<never, never>,
>(definition: Definition<Name, Model, Train, Maps, More>): Definition<Name, Model, Train, Maps, More> {
  return definition
}
