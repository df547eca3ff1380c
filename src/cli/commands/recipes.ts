/** @file `tagmask recipes`: the bundled recipes, and one of them in full. */
import { buildCommand, type Command } from '@stricli/core'
import { InputError } from '../../errors.ts'
import { METHODS } from '../../methods/list.ts'
import { nearestName } from '../../nearest-name.ts'
import { catalogText, entryText } from '../../pipeline/plan/catalog-text.ts'
import { catalogEntry, recipeCatalog, recipeText } from '../../pipeline/plan/recipe-catalog.ts'
import type { CliContext } from '../context.ts'
import { proposeMethods, proposeRecipes } from '../proposals.ts'

interface RecipesFlags {
  readonly method?: string
  readonly json?: boolean
}

export const recipes: Command<CliContext> = buildCommand<RecipesFlags, [string?], CliContext>({
  docs: {
    brief: 'List the bundled recipes, with the weights they need and a rough time',
    fullDescription: `For each recipe its method, the pretrained weights to give it (none: it starts from random ones), and a rough time on a CPU
for 100, 500 and 5,000 images. With NAME: the recipe's file and the time of each stage.

Examples:
  tagmask recipes
  tagmask recipes --method cti
  tagmask recipes photos_cpu`,
  },
  parameters: {
    flags: {
      method: {
        kind: 'parsed',
        parse: value => value,
        optional: true,
        placeholder: 'METHOD',
        brief: 'Only recipes of this method',
        proposeCompletions: proposeMethods,
      },
      json: { kind: 'boolean', optional: true, withNegated: false, brief: 'As JSON, for programs' },
    },
    positional: {
      kind: 'tuple',
      parameters: [
        {
          parse: value => value,
          optional: true,
          placeholder: 'NAME',
          brief: 'A bundled recipe or a recipe file',
          proposeCompletions: proposeRecipes,
        },
      ],
    },
  },
  async func({ method, json = false }, name) {
    const { stdout } = this.process
    if (name !== undefined) {
      if (method !== undefined)
        throw new InputError('--method', 'has no effect on one recipe', { expected: 'leave it out' })
      const [entry, yaml] = [await catalogEntry(name), await recipeText(name)]
      stdout.write(`${json ? JSON.stringify({ ...entry, yaml }, null, 2) : entryText(entry, { yaml })}\n`)
      return
    }
    checkMethod(method)
    const entries = await recipeCatalog({ method })
    stdout.write(`${json ? JSON.stringify(entries, null, 2) : catalogText(entries)}\n`)
  },
})

function checkMethod(method: string | undefined): void {
  const names: readonly string[] = METHODS.map(({ name }) => name)
  if (method === undefined || names.includes(method)) return
  const near = nearestName(method, names)
  throw new InputError(`--method ${method}`, 'there is no such method', {
    expected: near === undefined ? `methods are ${names.join(', ')}` : `did you mean ${near}?`,
  })
}
