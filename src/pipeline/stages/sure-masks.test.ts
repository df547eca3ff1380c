import { expect, it } from 'vitest'
import { silentLog } from '../../train/log.ts'
import { parseRecipe } from '../recipe/load.ts'
import { runFolder } from '../run-folder.ts'
import { writeSureMasks } from './sure-masks.ts'

it('refuses so many classes that one of them would read as not sure', async () => {
  const classes = Array.from({ length: 254 }, (_, k) => `c${k}`)
  const context = {
    recipe: parseRecipe('method: mctformer\n', 'x'),
    run: runFolder('none'),
    dataset: { name: 'x', root: 'x', split: 'train', classes, pictures: [], warnings: [] },
    valDataset: undefined,
    signal: new AbortController().signal,
    log: silentLog(),
  }
  const options = { maps: 'none', sure: { foreground: 0.5, background: 0.5, margin: 1 } }
  await expect(writeSureMasks(context, [], options)).rejects.toThrow(
    'refine.sure: is set with 254 classes; the value 254 says "not sure" in its masks: at most 253 classes, or refine.sure: null',
  )
})
