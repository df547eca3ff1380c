/** @file Prints docs/recipes.md from the recipe's schema: `npm run docs`. A test holds that the file is current. */
import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { packageRoot } from '../src/io/package-root.ts'
import { NEUTRAL_KEYS } from '../src/pipeline/recipe/compare.ts'
import { bundledNames } from '../src/pipeline/recipe/find.ts'
import { type RecipeKey, recipeKeys } from '../src/pipeline/recipe/keys.ts'

/** The whole page. */
export async function recipeDocs(): Promise<string> {
  const keys = recipeKeys()
  const top = keys.filter(({ path }) => !path.includes('.'))
  const sections = top.filter(({ section }) => section)
  const recipes = await bundledNames()
  return `<!-- Printed by scripts/recipe-docs.ts from src/pipeline/recipe/schema.ts: npm run docs. Do not edit. -->
# Recipes

A recipe is a YAML file with everything a run depends on. Keys left out have the default given here; unknown keys and
wrong values are errors that name the nearest right one. Recipes that come with tagmask:

${recipes.map(name => `- \`${name}\``).join('\n')}

\`\`\`
tagmask run NAME --data DIR                      # a bundled recipe by its name
tagmask run my.yaml --data DIR                   # your own
tagmask run NAME --data DIR --set train.epochs=30 --set maps.scales='[1, 0.5]'
\`\`\`

\`--set\` takes any key below, its value in YAML. Flags such as \`--seed\` and \`--device\` set the key of that name. The
resolved recipe, every key written out, is the first file in the run folder (\`runs/NAME/recipe.yaml\`).

A run folder is resumed only with the recipe it was made with. These keys may differ, because they change no result:
${NEUTRAL_KEYS.map(key => `\`${key}\``).join(', ')}.

## General
${table(top.filter(({ section }) => !section))}
${sections.map(section => `## ${section.path}\n${sentence(section.description)}\n${table(keys.filter(key => isBelow(key, section) && !key.section))}`).join('\n')}`
}

function isBelow({ path }: RecipeKey, section: RecipeKey): boolean {
  return path.startsWith(`${section.path}.`)
}

function table(keys: readonly RecipeKey[]): string {
  const rows = keys.map(key => {
    const only = key.only.length === 0 ? '' : ` (only \`${key.only.join('`, `')}\`)`
    return `| \`${key.path}\` | ${defaultOf(key)} | ${cell(key.expected)} | ${cell(key.description)}${only} |`
  })
  return `\n| key | default | may be | meaning |\n|---|---|---|---|\n${rows.join('\n')}\n`
}

function defaultOf({ default: value }: RecipeKey): string {
  if (value === undefined) return ''
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0
    ? 'as below'
    : `\`${JSON.stringify(value)}\``
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|')
}

function sentence(text: string): string {
  return `\n${text.charAt(0).toUpperCase()}${text.slice(1)}.\n`
}

async function main(): Promise<void> {
  const path = join(packageRoot(), 'docs', 'recipes.md')
  writeFileSync(path, await recipeDocs())
  console.log(`wrote ${path}`)
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) await main()
