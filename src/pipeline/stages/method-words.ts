/** @file What the report calls a recipe's network and maps. Imports no torch. */
import type { Recipe } from '../recipe/schema.ts'

/** `mctformer v2`, `weaktr, AAF v3 (max)`. */
export function networkWords(recipe: Recipe): string {
  switch (recipe.method) {
    case 'mctformer':
      return `mctformer ${recipe.model.variant}`
    case 'weaktr': {
      const { fusion } = recipe.model
      return `weaktr, ${fusion.kind === 'aaf' ? `AAF ${fusion.generation} (${fusion.pool})` : fusion.kind}`
    }
  }
}

/** Which attention makes the maps. */
export function attentionWords(recipe: Recipe): string {
  switch (recipe.method) {
    case 'mctformer':
      return `${recipe.maps.attention}, last ${recipe.maps.layers} layers`
    case 'weaktr':
      return `${recipe.maps.attention}, all layers`
  }
}
