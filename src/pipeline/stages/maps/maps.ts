/** @file Stage `maps`: from weights to a CAM for each tagged image. */
import { type Sample, tagged } from '../../../data/dataset.ts'
import { writeFileAtomic } from '../../../io/atomic.ts'
import { type HeadWeights, joinHeadWeights } from '../../../methods/index.ts'
import { camFile, readCamNote, writeCams } from '../../images/cam-file.ts'
import { camsOfImages } from '../../images/image-cams.ts'
import { limitsOf, passOverStream } from '../../images/image-pass.ts'
import { shardOf } from '../../images/shard.ts'
import { loadMethod, trainedWeights } from '../../networks/build-method.ts'
import type { StageContext } from '../../run/stage.ts'
import { writeClassTokens } from './class-tokens.ts'

const HEADS = 'headWeights' // of one image, in the metadata of its CAMs

/**
 * Writes maps/ID.safetensors for every image with a tag, of the image's own size; existing ones are kept. Where
 * the method weighs attention heads also head-weights.json, over all images that have CAMs; where it has class tokens,
 * class-tokens.safetensors. A shard writes the CAMs of its images alone.
 */
export async function mapsStage(context: StageContext): Promise<void> {
  const { recipe, dataset, run, log, shard } = context
  const method = await loadMethod(recipe, trainedWeights(recipe, run), {
    classes: dataset.classes,
    published: recipe.maps.weights !== null,
    log,
  })
  method.network.eval()
  const file = (sample: Sample): string => camFile(run.maps, sample)
  const samples = shardOf(tagged(dataset), shard)
  const look = { title: 'maps', log, ...recipe.maps }
  try {
    await passOverStream(
      samples,
      { ...limitsOf(context), title: 'maps', filesOf: sample => [file(sample)] },
      ({ all, open, lose }) => camsOfImages(method, recipe, open, { ...look, among: all, onBadImage: lose }),
      async ({ sample, cam, heads }) => {
        const notes = heads === undefined ? {} : { [HEADS]: JSON.stringify(heads) }
        await writeCams(file(sample), { cam, classes: sample.tags, notes })
      },
    )
    if (shard !== undefined) return
    const heads = method.takeHeadWeights && (await allHeadWeights(samples.map(file)))
    if (heads !== undefined) await writeFileAtomic(run.headWeights, `${JSON.stringify(heads)}\n`)
    if (method.classTokens !== undefined)
      await writeClassTokens(run.classTokens, samples, { ...context, method })
  } finally {
    method.network.dispose()
  }
}

/** Over the images of all sessions, from the metadata of their CAMs. */
async function allHeadWeights(files: readonly string[]): Promise<HeadWeights | undefined> {
  const parts: HeadWeights[] = []
  for (const path of files) {
    const note = await readCamNote(path, HEADS)
    if (note !== undefined) parts.push(JSON.parse(note) as HeadWeights)
  }
  return joinHeadWeights(parts)
}
