/** @file The method that a recipe names. */
import type { z } from 'zod'
import type { AutoencoderSettings } from '../../methods/autoencoder-recipe.ts'
import type { AutoencoderDefinition, Definition } from '../../methods/definition.ts'
import { METHODS } from '../../methods/list.ts'
import type { Autoencoder } from '../../methods/method.ts'
import type { AugmentRecipe, trainFields } from '../../methods/train-recipe.ts'
import type { Encoder } from '../../models/encoder.ts'
import type { mapsFields, Recipe } from './schema.ts'

/** A method's definition, for recipes of that method. */
type MethodOf = Definition<
  Recipe['method'],
  z.ZodType<Recipe['model']>,
  typeof trainFields,
  typeof mapsFields
>

export function methodOf({ method }: Pick<Recipe, 'method'>): MethodOf {
  // the schema has parsed the recipe by this very definition
  return METHODS.find(({ name }) => name === method) as unknown as MethodOf
}

/** The encoder that the recipe's method trains. */
export function encoderOf({ method, model }: Pick<Recipe, 'method' | 'model'>): Encoder {
  return methodOf({ method }).encoder(model)
}

/** The autoencoder of a recipe whose method has one. */
export interface RecipeAutoencoder {
  readonly settings: AutoencoderSettings
  readonly encoder: Encoder
  build(options: { numClasses: number }): Promise<Autoencoder>
}

/** Undefined where the recipe's method has none. */
export function autoencoderOf(recipe: Recipe): RecipeAutoencoder | undefined {
  if (!('autoencoder' in recipe)) return undefined
  // the schema has parsed the recipe by the definition that has this section
  const definition = methodOf(recipe).autoencoder as unknown as AutoencoderDefinition<Recipe>
  return {
    settings: recipe.autoencoder,
    encoder: definition.encoder(recipe),
    build: options => definition.build(recipe, options),
  }
}

/** How each view of a training image is cut. */
export function viewsOf(recipe: Recipe): readonly AugmentRecipe[] {
  return methodOf(recipe).views?.(recipe) ?? [recipe.train.augment]
}
