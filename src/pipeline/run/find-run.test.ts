import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { temporaryFolder } from '../../../test/temporary-folder.ts'
import { findRecipeOrRun, findRun, runNames } from './find-run.ts'

let folder = ''
let runs = ''
beforeEach(async () => {
  const recipe = 'method: cam\n'
  folder = await temporaryFolder({
    'runs/thirty/recipe.yaml': recipe,
    'runs/cam_demo/recipe.yaml': recipe,
    'runs/ablate-x/unet-seed0/recipe.yaml': recipe,
    'runs/demo-data/1/images/a.png': '',
    'elsewhere/recipe.yaml': recipe,
    'mine.yaml': recipe,
  })
  runs = join(folder, 'runs')
})

it('names of runs are those of folders with a recipe, also in a group', async () => {
  expect(await runNames(runs)).toEqual(['ablate-x/unet-seed0', 'cam_demo', 'thirty'])
  expect(await runNames(join(folder, 'none'))).toEqual([])
})

describe('a run', () => {
  it.each([
    ['thirty', 'runs/thirty'],
    ['ablate-x/unet-seed0', 'runs/ablate-x/unet-seed0'],
  ])('%s is one in the folder of all runs', async (name, place) => {
    expect(await findRun(name, { runs })).toBe(join(folder, place))
    expect(await findRun(join(folder, place), { runs: 'nowhere' })).toBe(join(folder, place))
  })

  it('may lie elsewhere, and a path never leaves the folder of all runs', async () => {
    expect(await findRun(join(folder, 'elsewhere'), { runs })).toBe(join(folder, 'elsewhere'))
    await expect(findRun('../elsewhere', { runs })).rejects.toThrow('../elsewhere: there is no such run; ')
  })

  it.each([
    ['thirti', 'thirti: there is no such run; did you mean thirty?'],
    ['unet-seed1', 'unet-seed1: there is no such run; give the folder of a run, such as runs/NAME; runs in '],
    ['ablate-x/unet-sed0', 'ablate-x/unet-sed0: there is no such run; did you mean ablate-x/unet-seed0?'],
  ])('%s is missing', async (name, message) => {
    await expect(findRun(name, { runs })).rejects.toThrow(message)
  })

  it('by its path is named with the path of the nearest', async () => {
    const wrong = join(runs, 'thirry')
    await expect(findRun(wrong, { runs })).rejects.toThrow(`did you mean ${join(runs, 'thirty')}?`)
  })

  it('is not a folder without a recipe', async () => {
    const empty = join(folder, 'empty')
    await mkdir(empty)
    await expect(findRun(empty, { runs })).rejects.toThrow('is not a run folder: it holds no recipe.yaml')
  })
})

describe('a recipe or a run', () => {
  it('is a recipe where a recipe and a run have the name', async () => {
    expect(await findRecipeOrRun('cam_demo', { runs })).toEqual({ recipe: 'cam_demo' })
    expect(await findRecipeOrRun('thirty', { runs })).toEqual({ run: join(runs, 'thirty') })
    const mine = join(folder, 'mine.yaml')
    expect(await findRecipeOrRun(mine, { runs })).toEqual({ recipe: mine })
    expect(await findRecipeOrRun(join(runs, 'cam_demo'), { runs })).toEqual({ run: join(runs, 'cam_demo') })
  })

  it.each([
    ['thirti', 'thirti: there is no such recipe or run; did you mean thirty?'],
    ['photo_cpu', 'photo_cpu: there is no such recipe or run; did you mean photos_cpu?'],
    ['mien.yaml', 'mien.yaml: there is no such file or run; give a .yaml file, or one of: '],
  ])('%s is missing', async (name, message) => {
    await expect(findRecipeOrRun(name, { runs })).rejects.toThrow(message)
  })
})
