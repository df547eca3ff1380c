/** @file `tagmask ablate`: variants of a recipe over seeds, as a table of means and standard deviations. */
import { buildCommand, type Command } from '@stricli/core'
import { ablate as runAblation } from '../../pipeline/ablate/ablate.ts'
import { formatAblation } from '../../pipeline/ablate/ablation-table.ts'
import { parseVariant } from '../../pipeline/ablate/ablation-variant.ts'
import { fromHere } from '../../pipeline/run/run-folder.ts'
import { Interrupted } from '../../pipeline/run/stage.ts'
import type { CliContext } from '../context.ts'
import { proposeAblations } from '../proposals.ts'
import { type OutputFlags, overridesOf, type RunFlags, runFlags } from '../run-flags.ts'
import { howToResume } from './run.ts'

interface AblateFlags extends Omit<RunFlags, 'seed' | 'force'>, OutputFlags {
  readonly seeds?: readonly number[]
  readonly 'seeds-of': 'run' | 'segment'
  readonly variants?: readonly string[]
  readonly variant?: readonly string[]
}

const { seed: _seed, force: _force, ...shared } = runFlags

export const ablate: Command<CliContext> = buildCommand<AblateFlags, [string], CliContext>({
  docs: {
    brief: 'Compare variants of a recipe over seeds: mean and standard deviation',
    customUsage: [
      'RECIPE|FILE --data DIR [--seeds 0,1,2] [--variants NAME,...] [--variant NAME=KEY=VALUE,...]... [flags]',
    ],
    fullDescription: `Runs every variant with every seed as a run of its own in runs/ablate-NAME/, and prints and writes the table of
scores (ablation.md, ablation.json). Finished stages are skipped, and a stage with the same inputs as another variant's
is reused: variants that differ only in their CAMs are trained once.

It ends at the score of the CAMs (seed), unless a variant sets a key of a later stage (affinity, refine, segment,
predict), or the method labels images by its own head: then all stages run.

FILE holds a recipe's name and variants of it, as the tables of a paper do; it is a file or the name of a bundled one
(ls recipes/ablations/): semformer-losses.

Without --variants those of the file, or of the recipe's method, are compared; --variants with an unknown name lists them, and those that
are compared only by name, such as infusion-3 of cti. Recipes with
segment.clipping also have, by name: clipping (unchanged), no-clipping, and start-VALUE and patch-SIDE of half and twice
its start value and patch size.

Examples:
  tagmask ablate mctformer_demo
  tagmask ablate mctformer-v2_deit-ti_voc-mini --data voc-mini --weights deit_tiny.safetensors --variants baseline,unet
  tagmask ablate mctformer_demo --seeds 0,1 --variant three=maps.layers=3 --variant one=maps.layers=1,maps.scales='[1]'
  tagmask ablate semformer-losses
  tagmask ablate weaktr_demo --seeds-of segment --variants clipping,no-clipping`,
  },
  parameters: {
    flags: {
      ...shared,
      seeds: {
        kind: 'parsed',
        parse: parseSeeds,
        optional: true,
        placeholder: 'N,N,...',
        brief: 'Seeds, one run of each variant for each; default: those of a file of variants, else 0,1,2',
      },
      'seeds-of': {
        kind: 'enum',
        values: ['run', 'segment'],
        default: 'run',
        brief: 'Scope of the seeds: whole runs, or segment alone (earlier stages run once)',
      },
      variants: {
        kind: 'parsed',
        parse: (text: string) => text.split(',').map(name => name.trim()),
        optional: true,
        placeholder: 'NAME,...',
        brief: 'Variants to compare; the first is the baseline',
      },
      variant: {
        kind: 'parsed',
        parse: (text: string) => text,
        optional: true,
        variadic: true,
        placeholder: 'NAME=KEY=VALUE,...',
        brief: 'A variant of your own, compared with those of --variants; may be repeated',
      },
    },
    positional: {
      kind: 'tuple',
      parameters: [
        {
          parse: value => value,
          placeholder: 'RECIPE|FILE',
          brief: 'Recipe or file of variants, or the name of a bundled one',
          proposeCompletions: proposeAblations,
        },
      ],
    },
  },
  async func(flags, recipe) {
    const { set = [], name, runs, seeds, variants: only, variant: own = [] } = flags
    const { signal } = this
    const log = this.openLog(flags)
    try {
      const { folder, ablation } = await runAblation({
        recipe,
        set,
        overrides: overridesOf(flags),
        runs,
        name,
        variants: own.map(parseVariant),
        only,
        seeds,
        seedsOf: flags['seeds-of'],
        withChanges: flags['resume-with-changes'] ?? false,
        signal,
        log,
      })
      log.tell(`\n${formatAblation(ablation)}\n\nablation: ${fromHere(folder)}`, {
        folder: fromHere(folder),
        ...ablation,
      })
    } catch (error) {
      if (error instanceof Interrupted) log.tell(howToResume({ force: false }))
      throw error
    }
  },
})

function parseSeeds(text: string): number[] {
  const seeds = text.split(',').map(Number)
  const whole = seeds.every(seed => Number.isInteger(seed) && seed >= 0)
  if (!/^[\d, ]+$/.test(text) || !whole || new Set(seeds).size < seeds.length)
    throw new SyntaxError('expected different whole numbers, as in 0,1,2')
  return seeds
}
