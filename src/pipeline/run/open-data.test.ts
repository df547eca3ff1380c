import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createLog } from '../../train/log.ts'
import { bundledNames } from '../recipe/find.ts'
import { loadRecipe } from '../recipe/load.ts'
import { openRunData, openScoredSplit, type RunData } from './open-data.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tagmask-open-'))
})
afterEach(() => rm(folder, { recursive: true }))

const root = () => join(folder, 'my-photos')

async function photos(files: Record<string, string>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(root(), name)), { recursive: true })
    await writeFile(join(root(), name), content)
  }
}

const names = Array.from({ length: 20 }, (_, i) => `p${i}`)
const images = Object.fromEntries(names.map(name => [`images/${name}.jpg`, '']))
const table = `file,tags\n${names.map((name, i) => `${name},${i % 2 === 0 ? 'cat' : 'dog'}`).join('\n')}\n`
const PLAIN = { ...images, 'tags.csv': table }

/** The recipe opened on my-photos, and the lines that were printed. */
async function open(
  recipe: string,
  set: readonly string[] = [],
): Promise<RunData & { lines: string[]; ids: string[]; valIds: string[] | undefined }> {
  const chunks: string[] = []
  const log = createLog({ stream: { write: chunk => chunks.push(chunk) > 0 }, env: {} })
  const loaded = await loadRecipe(recipe, { set: [`data.root=${root()}`, ...set] })
  const data = await openRunData(loaded.recipe, { runs: folder, log, named: loaded.chosen.set })
  const lines = chunks
    .join('')
    .replaceAll(root(), 'ROOT')
    .split('\n')
    .filter(line => line !== '')
  const ids = (set: RunData['valDataset']) => set?.samples.map(({ id }) => id)
  return { ...data, lines, ids: ids(data.dataset)!, valIds: ids(data.valDataset) }
}

describe('a bundled recipe takes any data set', () => {
  it.each([
    ['a table', PLAIN],
    [
      'class folders',
      Object.fromEntries(names.map((name, i) => [`${i % 2 ? 'cat' : 'dog'}/${name}.jpg`, name])),
    ],
  ])('%s without lists: all is trained on, nothing validated', async (_, files) => {
    await photos(files)
    for (const recipe of await bundledNames()) {
      const { dataset, valDataset, recipe: fitted } = await open(recipe)
      expect(dataset.samples).toHaveLength(20)
      expect(valDataset).toBeUndefined()
      expect((await openScoredSplit({ recipe: fitted, dataset })).samples).toHaveLength(20)
    }
  })

  it('and says what stands for what', async () => {
    await photos(PLAIN)
    expect((await open('mctformer-v2_deit-s_voc12')).lines).toEqual([
      'data.split train_aug: my-photos has no lists of images, so all of them are trained on',
      'data.valSplit val: my-photos has no such list, so there is no validation (--set data.holdOut=0.1 holds out a tenth of the images)',
    ])
    expect((await open('mctformer_demo')).lines).toEqual([
      'data.layout demo: ROOT holds no generated set, so its layout is detected',
      'data.valSplit val: my-photos has no such list, so there is no validation (--set data.holdOut=0.1 holds out a tenth of the images)',
    ])
  })

  it('lists that are there are used', async () => {
    await photos({
      ...PLAIN,
      'train.txt': names.slice(0, 15).join('\n'),
      'valid.txt': names.slice(15).join('\n'),
    })
    const { ids, valIds, lines, recipe, dataset } = await open('mctformer-v2_deit-s_voc12')
    expect(ids).toEqual(names.slice(0, 15))
    expect(valIds).toEqual(names.slice(15))
    expect(await openScoredSplit({ recipe, dataset })).toBe(dataset)
    expect(lines).toEqual(['data.split train_aug: my-photos has no such list, so train is trained on'])
    await rm(join(root(), 'valid.txt'))
    expect((await open('mctformer-v2_deit-s_voc12')).valIds).toBeUndefined()
  })

  it('VOC and COCO under the recipe of the other', async () => {
    const xml = '<annotation><object><name>dog</name></object></annotation>'
    await photos({
      'JPEGImages/a.jpg': '',
      'JPEGImages/b.jpg': '',
      'JPEGImages/c.jpg': '',
      'Annotations/a.xml': xml,
      'Annotations/b.xml': xml,
      'Annotations/c.xml': xml,
      'ImageSets/Segmentation/trainaug.txt': 'a\nb\n',
      'ImageSets/Segmentation/train.txt': 'a\n',
      'ImageSets/Segmentation/val.txt': 'c\n',
    })
    const published = await open('mctformer-v2_deit-s_voc12')
    expect([published.ids, published.valIds]).toEqual([['a', 'b'], ['c']])
    expect(published.dataset.split).toBe('train_aug')
    expect((await openScoredSplit(published)).samples.map(({ id }) => id)).toEqual(['a'])
    expect(published.lines.filter(line => line.startsWith('data.'))).toEqual([])
    const other = await open('weaktr_deit-s_coco14')
    expect([other.ids, other.valIds]).toEqual([['a'], ['c']])
    expect(other.lines.slice(0, 2)).toEqual([
      'data.split train2014: my-photos has no such list, so train is trained on',
      'data.valSplit val2014: my-photos has no such list, so val is validated on',
    ])
  })

  it('the only list that there is', async () => {
    const instances = {
      images: [{ id: 1, file_name: 'a.jpg' }],
      annotations: [{ image_id: 1, category_id: 1 }],
      categories: [{ id: 1, name: 'cat' }],
    }
    await photos({ 'images/a.jpg': '', 'annotations/instances_default.json': JSON.stringify(instances) })
    const { ids, lines } = await open('mctformer-v2_deit-s_voc12')
    expect(ids).toEqual(['a'])
    expect(lines[0]).toBe('data.split train_aug: my-photos has no such list, so default is trained on')
  })
})

describe('a split that the person names must be there', () => {
  it.each([
    [['data.split=train_aug'], 'my-photos/train_aug.txt (split): no such split'],
    [['data.valSplit=val'], 'my-photos/val.txt (split): no such split'],
    [["data={split: 'train', valSplit: 'val'}"], 'my-photos/val.txt (split): no such split'],
    [['evaluate.split=train2'], 'my-photos/train2.txt (split): no such split'],
    [['data.layout=voc'], 'does not have the layout of VOC'],
    [['data.layout=demo'], 'is in the way and is not a demo data set'],
  ])('%s', async (set, message) => {
    await photos(PLAIN)
    const all = set[0]!.startsWith('data={') ? [set[0]!.replace('{', `{root: '${root()}', `)] : set
    await expect(open('mctformer-v2_deit-s_voc12', all)).rejects.toThrow(message)
  })

  it('also in a recipe of its own, when it is no usual word', async () => {
    await photos(PLAIN)
    const recipe = join(folder, 'mine.yaml')
    await writeFile(recipe, 'method: mctformer\ndata: { split: sunny }\n')
    await expect(open(recipe)).rejects.toThrow('my-photos/sunny.txt (split): no such split; add sunny.txt')
  })

  it('a data set with lists, none of them to train on, is refused', async () => {
    await photos({ ...PLAIN, 'val.txt': 'p1\n', 'test.txt': 'p2\n' })
    await expect(open('mctformer-v2_deit-s_voc12')).rejects.toThrow('no such split; add train_aug.txt')
  })
})

describe('data.holdOut', () => {
  it('sets a share aside by name and seed: new images move none', async () => {
    await photos(PLAIN)
    const first = await open('mctformer-v2_deit-s_voc12', ['data.holdOut=0.3'])
    expect(first.valDataset!.split).toBe('held-out')
    expect([...first.ids, ...first.valIds!].sort()).toEqual([...names].sort())
    expect(first.lines).toContain(
      `validation: ${first.valIds!.length} of 20 images are held out by seed 0 (data.holdOut 0.3) and not trained on`,
    )
    expect(first.valIds!.length).toBeGreaterThan(1)
    expect(first.valIds!.length).toBeLessThan(12)
    await photos({ 'images/a-new.jpg': '', 'tags.csv': `${table}a-new,cat\n` })
    const second = await open('mctformer-v2_deit-s_voc12', ['data.holdOut=0.3'])
    expect(second.valIds!.filter(id => id !== 'a-new')).toEqual(first.valIds)
    const other = await open('mctformer-v2_deit-s_voc12', ['data.holdOut=0.3', 'seed=1'])
    expect(other.valIds).not.toEqual(second.valIds)
  })

  it('sets at least one aside, and gives way to a list', async () => {
    await photos(PLAIN)
    expect((await open('mctformer-v2_deit-s_voc12', ['data.holdOut=0.001'])).valIds).toHaveLength(1)
    await photos({ 'train.txt': 'p1\np2\n', 'val.txt': 'p3\n' })
    expect((await open('mctformer-v2_deit-s_voc12', ['data.holdOut=0.3'])).valIds).toEqual(['p3'])
  })
})

describe('what rests on a validation or on labels', () => {
  it('the best checkpoint becomes the last, unless the person asked for it', async () => {
    await photos(PLAIN)
    const mine = join(folder, 'mine.yaml')
    await writeFile(mine, 'method: mctformer\ndata: { valSplit: val }\nmaps: { checkpoint: best }\n')
    const { recipe, lines } = await open(mine)
    expect(recipe.maps.checkpoint).toBe('last')
    expect(lines.at(-1)).toBe('maps.checkpoint best: there is no validation, so the last is used')
    expect((await open(mine, ['data.holdOut=0.2'])).recipe.maps.checkpoint).toBe('best')
    await expect(open(mine, ['maps.checkpoint=best'])).rejects.toThrow(
      'maps.checkpoint: "best" needs a validation, and the data set has none; last, or --set data.holdOut=0.1, which holds out a tenth of the images',
    )
  })

  it('a mistyped folder is no place to generate the demo in', async () => {
    await expect(open('cti_demo')).rejects.toThrow(
      `${root()} (data.root): there is no such folder; give a folder`,
    )
    await mkdir(root())
    await expect(open('cti_demo')).rejects.toThrow('is empty')
    await writeFile(join(root(), 'tags.csv'), table)
    await expect(
      openRunData((await loadRecipe('cti_demo', { set: [`data.root=${root()}/tags.csv`] })).recipe, {
        runs: folder,
        log: createLog({ stream: { write: () => true }, env: {} }),
        named: new Set(['data.root']),
      }),
    ).rejects.toThrow('is a file, not a folder')
  })

  it('254 classes leave no label for unsure', async () => {
    const tags = (count: number) => Array.from({ length: count }, (_, k) => `c${k}`).join(';')
    await photos({ 'images/a.jpg': '', 'tags.csv': `file,tags\na,${tags(254)}\n` })
    expect((await open('mctformer-v2_deit-s_voc12')).dataset.classes).toHaveLength(254)
    await expect(open('mctformer_demo')).rejects.toThrow(
      'refine.sure: leaves no label for 254 classes; at most 253, since 254 means unsure: leave out a class, or --set refine.sure=null',
    )
    await photos({ 'tags.csv': `file,tags\na,${tags(253)}\n` })
    expect((await open('mctformer_demo')).dataset.classes).toHaveLength(253)
  })

  it('classes of fewer than five images are warned of in one line', async () => {
    await photos({
      ...PLAIN,
      'tags.csv': `${table.replace('p0,cat', 'p0,cow')}`,
      'classes.txt': 'cat\ncow\ndog\nape\n',
    })
    expect((await open('mctformer-v2_deit-s_voc12')).lines.at(-1)).toBe(
      'warning: 2 classes have fewer than five images: cow (1), ape (0)',
    )
  })
})
