import { readdir, readFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { expect, it } from 'vitest'
import { CASES, CLASSES, casesWithImages, exportCases } from '../../test/export-cases.ts'
import { decodeBrush } from '../../test/mask-decoders.ts'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import type { ExportImage } from './export-image.ts'
import { labelStudio } from './label-studio.ts'

interface Task {
  data: { image: string }
  predictions: {
    model_version: string
    score?: number
    result: {
      id: string
      type: string
      from_name: string
      to_name: string
      original_width: number
      original_height: number
      score?: number
      value: { format: string; rle: number[]; brushlabels: string[] }
    }[]
  }[]
}

async function exported(options: Parameters<typeof exportCases>[2] = {}) {
  const out = join(await temporaryFolder([]), 'out')
  const { told } = await exportCases(labelStudio, out, options)
  const tasks = JSON.parse(await readFile(join(out, 'tasks.json'), 'utf8')) as Task[]
  return { out, told, tasks }
}

/** One run of more than 65,536 channels, and one of exactly as many. */
const LARGE: ExportImage = {
  ...CASES[0]!,
  fileName: 'large.jpg',
  width: 256,
  height: 200,
  data: new Uint8Array(256 * 200).fill(1, 0, 256 * 64).fill(2, 256 * 64, 256 * 150),
}

it('gives back every mask by a decoder of its own', async () => {
  const images = [...CASES, LARGE]
  const { tasks } = await exported({ images })
  for (const [i, { width, height, data }] of images.entries()) {
    const [prediction] = tasks[i]!.predictions
    expect(prediction!.model_version).toBe('tagmask cases')
    const drawn = new Uint8Array(width * height)
    for (const region of prediction!.result) {
      expect(region).toMatchObject({
        type: 'brushlabels',
        from_name: 'brush',
        to_name: 'image',
        original_width: width,
        original_height: height,
      })
      const label = CLASSES.indexOf(region.value.brushlabels[0]!) + 1
      const alpha = decodeBrush(region.value.rle, width * height)
      for (const [at, value] of alpha.entries()) if (value === 255) drawn[at] = label
      expect(new Set(alpha)).toEqual(new Set(alpha.includes(0) ? [0, 255] : [255]))
    }
    expect(drawn).toEqual(data.map(label => (label === 255 ? 0 : label)))
  }
})

it('has the scores of regions, and the lowest as that of the prediction', async () => {
  const { tasks } = await exported()
  const [first] = tasks[0]!.predictions
  expect(first!.score).toBe(0.25)
  expect(first!.result.map(({ score }) => score)).toEqual([0.8123, 0.25])
  expect('score' in tasks[1]!.predictions[0]!).toBe(false)
})

it('has addresses of files that Label Studio serves, escaped, and says how; or others', async () => {
  const folder = await temporaryFolder([])
  const { tasks, told } = await exported({ images: await casesWithImages(folder) })
  const prefix = `/data/local-files/?d=${basename(folder)}/`
  expect(tasks.map(({ data }) => data.image)).toContain(
    `${prefix}%C3%BCn%C3%AF/%E6%97%A5%E6%9C%AC%20%22q%22%20's%20%26%20%23100%25.jpg`,
  )
  const back = tasks.map(({ data }) => new URL(data.image, 'http://here').searchParams.get('d'))
  expect(back).toEqual(CASES.map(({ fileName }) => `${basename(folder)}/${fileName}`))
  expect(told).toEqual([
    `start Label Studio with LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT=${dirname(folder)}, and add ${folder} as a local storage of the project; --image-address gives another address`,
  ])
  const stored = await exported({ imageAddress: 's3://bucket/' })
  expect(stored.tasks[2]!.data.image).toBe('s3://bucket/trip/pixels.png')
  expect(stored.tasks[1]!.data.image).toBe('s3://bucket/parts of one.JPG')
  const served = await exported({ imageAddress: 'https://example.org/' })
  expect(served.tasks[1]!.data.image).toBe('https://example.org/parts%20of%20one.JPG')
})

it('has the classes and colours in label-config.xml', async () => {
  const { out } = await exported()
  expect(await readdir(out)).toEqual(['label-config.xml', 'tagmask-export.json', 'tasks.json'])
  expect(await readFile(join(out, 'label-config.xml'), 'utf8')).toBe(`<View>
  <Image name="image" value="$image" zoom="true"/>
  <BrushLabels name="brush" toName="image">
    <Label value="cat" background="#800000"/>
    <Label value="a &quot;dog&quot; &amp; &lt;co&gt;" background="#008000"/>
    <Label value="zèbre" background="#808000"/>
  </BrushLabels>
</View>
`)
})
