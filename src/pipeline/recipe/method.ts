/** @file The method that a recipe names. */
import type { z } from 'zod'
import type { Definition } from '../../methods/definition.ts'
import { METHODS } from '../../methods/list.ts'
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

/** How each view of a training image is cut. */
export function viewsOf(recipe: Recipe): readonly AugmentRecipe[] {
  return methodOf(recipe).views?.(recipe) ?? [recipe.train.augment]
}
