/** @file The method that a recipe names. */
import type { AblationVariant, MapsLook, RecipeProblem } from '../../methods/definition.ts'
import { METHODS } from '../../methods/list.ts'
import type { Method } from '../../methods/method.ts'
import type { AugmentRecipe } from '../../methods/train-recipe.ts'
import type { Encoder } from '../../models/encoder.ts'
import type { Recipe } from './schema.ts'

/** A method's definition, for recipes of that method. */
export interface MethodOf {
  readonly name: Recipe['method']
  check?(recipe: Recipe): RecipeProblem[]
  checkLength?(recipe: Recipe, steps: number): RecipeProblem[]
  words(recipe: Recipe): { readonly network: string; readonly maps: string }
  variants(recipe: Recipe): AblationVariant[]
  views?(recipe: Recipe): readonly AugmentRecipe[]
  camViews?(recipe: Pick<Recipe, 'model' | 'maps'>): {
    readonly scales?: readonly number[]
    readonly unit?: number
  }
  encoder(model: Recipe['model']): Encoder
  readonly labels?: boolean
  mapsMemory(recipe: Pick<Recipe, 'model' | 'maps'>, look: MapsLook): number
  build(recipe: Recipe, options: { numClasses: number }): Promise<Method>
}

export function methodOf({ method }: Pick<Recipe, 'method'>): MethodOf {
  // the schema has parsed the recipe by this very definition
  return METHODS.find(({ name }) => name === method) as unknown as MethodOf
}

/** The encoder that the recipe's method trains. */
export function encoderOf({ method, model }: Pick<Recipe, 'method' | 'model'>): Encoder {
  return methodOf({ method }).encoder(model)
}

/** How each view of a training image is cut. */
export function viewsOf(recipe: Recipe): readonly AugmentRecipe[] {
  return methodOf(recipe).views?.(recipe) ?? [recipe.train.augment]
}
