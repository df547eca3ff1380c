/** @file Estimates against the peaks of a process of its own, at three sizes each, or at the smallest. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { THOROUGH } from '../../../test/suite/thorough.ts'
import { packageRoot } from '../../io/package-root.ts'
import { denseMemory } from '../../models/encoder-memory.ts'
import { refineMemory } from '../../refine/crf-memory.ts'
import { parseRecipe } from '../recipe/load.ts'
import { mapsMemory, predictMemory, type Size, walkMemory } from './step-memory.ts'

const PROGRAM = `
import { readFileSync, writeFileSync } from 'node:fs'
const at = path => import(process.argv[1] + path)
const { emptyCache, scope, tensor, autocast, setThreads } = await at('torch/index.js')
const bytes = key => 1024 * Number(new RegExp(key + ':\\\\s+(\\\\d+)').exec(readFileSync('/proc/self/status', 'utf8'))[1])
setThreads(1)
const { skipInit } = await at('nn/index.js')
const noise = length => Float32Array.from({ length }, (_, i) => (i * 7919) % 251 / 251)
const image = ({ width, height }) => tensor(noise(3 * width * height), [1, 3, height, width])
const { parseRecipe } = await at('pipeline/recipe/load.js')
const [kind, text, sizesText] = process.argv.slice(2)
const recipe = parseRecipe(text, 'recipe')
const { precision, device } = recipe
const within = body => scope(() => autocast({ precision, device }, body))
const makers = {
  async maps() {
    const { buildMethod } = await at('pipeline/networks/build-method.js')
    const { imageCams } = await at('pipeline/images/image-cams.js')
    const method = await skipInit(() => buildMethod({ ...recipe, threads: 1 }, { numClasses: 20 }))
    method.network.eval()
    return ({ width, height }) => scope(() => imageCams(method, recipe, [{
      sample: { tags: [0, 1] }, views: [{ width, height, data: noise(3 * width * height) }],
    }])[0].toFloat32Array())
  },
  async walk() {
    const { buildAffinity } = await at('pipeline/networks/build-affinity.js')
    const learner = skipInit(() => buildAffinity(recipe, { numClasses: 20 }))
    learner.network.eval()
    return size => scope(() => {
      const maps = new Map([0, 1].map(k => [k, noise(size.width * size.height)]))
      learner.walkedMaps(image(size), { ...size, maps })
    })
  },
  async predict() {
    const { buildSegmentation } = await at('pipeline/networks/build-segmentation.js')
    const { labelProbabilities } = await at('models/segmentation/index.js')
    const network = skipInit(() => buildSegmentation(recipe, recipe.segment, { labels: 21 })).eval()
    return size => within(() => labelProbabilities(network, image(size), recipe.predict))
  },
  async crf() {
    const { denseCrf } = await at('refine/dense-crf.js')
    const { unaryFromScores } = await at('refine/crf-unary.js')
    return ({ width, height }) => {
      const data = Uint8Array.from({ length: 3 * width * height }, (_, i) => {
        const [x, y] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width)]
        return 128 + 60 * Math.sin(x / 19) + 40 * Math.cos(y / 13) + ((i * 7919) % 31)
      })
      return denseCrf({ image: { width, height, data }, unary: unaryFromScores(noise(3 * width * height)), iterations: 1, threads: 1 })
    }
  },
}
const make = await makers[kind]()
await make({ width: 64, height: 64 })
const sizes = JSON.parse(sizesText)
const peaks = []
for (const size of sizes) {
  gc()
  emptyCache() // what is left would hide as much of what the image takes
  writeFileSync('/proc/self/clear_refs', '5') // sets the high-water mark back
  const before = bytes('VmRSS')
  await make(size)
  peaks.push(bytes('VmHWM') - before)
}
console.log(JSON.stringify(peaks))
`

/** Bytes at each size. */
async function measured(kind: string, recipe: string, sizes: readonly Size[]): Promise<number[]> {
  const source = pathToFileURL(join(packageRoot(), 'dist/src/')).href
  const args = [
    '--expose-gc',
    '--input-type=module',
    '-e',
    PROGRAM,
    source,
    kind,
    recipe,
    JSON.stringify(sizes),
  ]
  return JSON.parse((await promisify(execFile)(process.execPath, args)).stdout) as number[]
}

const ALL_SIZES: readonly Size[] = [
  { width: 560, height: 420 },
  { width: 640, height: 640 },
  { width: 800, height: 600 },
]
const SIZES = THOROUGH ? ALL_SIZES : [{ width: 448, height: 336 }]
const DEIT_TI = 'model: { width: deit-ti }'
const PATCH_8 = 'model: { width: { embedDim: 32, depth: 2, heads: 2 }, imageSize: 32, patchSize: 8 }'
const NETWORK = 'segment: { network: convolutional, cropSize: 224 }\npredict: { scales: [1] }'
const RESNET38 =
  'segment: { network: convolutional, backbone: resnet38, cropSize: 224 }\npredict: { scales: [1] }'

const ONE_STEP = 'refine: { method: affinity, walk: { logt: 0 } }'
const EDGE = 'affinity: { network: edge, cropSize: 64'
const vit = { heads: 3, embedDim: 192, patchSize: 16 }

/** Of fp32 unless said. What is expected of an image, by kind; the parts for decoding and writing, of which the measured process does none, taken away. */
const KINDS = {
  'mctformer in fp32': ['maps', `method: mctformer\n${DEIT_TI}`],
  'weaktr in fp32': ['maps', `method: weaktr\n${DEIT_TI}`],
  'mctformer in bf16': ['maps', `method: mctformer\n${DEIT_TI}\nprecision: bf16`],
  'patches of 8': ['maps', `method: mctformer\n${PATCH_8}\nmaps: { layers: 2 }`],
  'the U-Net': ['maps', 'method: mctformer\nmodel: { width: deit-ti, unet: { width: 128 } }'],
  'AFA with a mix transformer': ['maps', 'method: afa\nmodel: { backbone: mit-b0 }\nmaps: { scales: [1] }'],
  'AFA with a mix transformer in bf16': [
    'maps',
    'method: afa\nmodel: { backbone: mit-b0 }\nmaps: { scales: [1] }\nprecision: bf16',
  ],
  'the walk': ['walk', `method: mctformer\n${DEIT_TI}\n${ONE_STEP}`],
  'the edge walk': ['walk', `method: mctformer\n${DEIT_TI}\n${ONE_STEP}\n${EDGE} }`],
  'the edge walk on ResNet50': ['walk', `method: mctformer\n${ONE_STEP}\n${EDGE}, backbone: resnet50 }`],
  predictions: ['predict', `method: mctformer\n${DEIT_TI}\n${NETWORK}`],
  'predictions by ResNet38': ['predict', `method: mctformer\n${DEIT_TI}\n${RESNET38}`],
  'predictions by ResNet38 in bf16': [
    'predict',
    `method: mctformer\n${DEIT_TI}\n${RESNET38}\nprecision: bf16`,
  ],
  'the dense CRF': ['crf', 'method: mctformer'],
} as const

const withPrecision = (text: string): string =>
  text.includes('precision') ? text : `${text}\nprecision: fp32`

function estimated(kind: string, text: string, size: Size): number {
  const recipe = parseRecipe(text, 'recipe')
  const sizes = { own: size, working: size, tags: 2, classes: 20 }
  if (kind === 'maps') return mapsMemory(recipe, sizes)
  if (kind === 'walk') return walkMemory(recipe, sizes)
  if (kind === 'crf') return refineMemory({ ...sizes, labels: 3 })
  const body = recipe.segment?.backbone === 'resnet38' ? undefined : vit
  const memory = (of: Parameters<typeof denseMemory>[1]) => denseMemory(body, of).bytes
  const network = { labels: 21, shape: { windows: false, memory } }
  return predictMemory({ ...recipe, ...recipe.predict, cropSize: 224, ways: ['ms'] }, network, sizes)
}

test.each(Object.entries(KINDS))(
  'the memory of %s is estimated to a factor of 1.5',
  { timeout: 900_000 },
  async (_, [kind, given]) => {
    const text = withPrecision(given)
    // what the CRF and the walk take from malloc stays with their process, and would hide as much of the next size
    const peaks =
      kind === 'crf' || kind === 'walk'
        ? (await Promise.all(SIZES.map(size => measured(kind, text, [size])))).flat()
        : await measured(kind, text, SIZES)
    for (const [i, size] of SIZES.entries()) {
      const ratio = estimated(kind, text, size) / peaks[i]!
      expect(ratio, `${kind} at ${size.width} x ${size.height}`).toBeGreaterThan(1 / 1.5)
      expect(ratio, `${kind} at ${size.width} x ${size.height}`).toBeLessThan(1.5)
    }
  },
)
