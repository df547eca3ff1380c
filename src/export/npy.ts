/**
 * @file `npy`: CAMs as the dictionaries that scripts of weak supervision read by np.load(FILE, allow_pickle=True).item(): PSA's
 * {class: float32 [H, W]} (infer_cls.py), or IRN's {'keys', 'cam', 'high_res'} (step/make_cam.py).
 */
import { count } from '../io/count.ts'
import { encodeNpyDictionary } from '../io/npy.ts'
import { fromFloat32, fromInt64, type TensorData } from '../io/tensor-data.ts'
import type { ExportFormat } from './export-format.ts'
import type { ExportCams, ExportImage } from './export-image.ts'

/** Pixels of the image for one of IRN's `cam`, along each side. */
const STRIDE = 4

export const npy: ExportFormat = {
  brief: "CAMs as ID.npy, {class from 0: float32 [H, W]} of PSA's scripts; --irn: of IRN's",
  perImage: true,
  options: ['irn'],
  needs: 'cams',
  async write(images, files, { irn, classes, tell }) {
    await files.put('classes.txt', [...classes, ''].join('\n'))
    let without = 0
    for await (const image of images) {
      if (image.made) continue
      if (image.cams === undefined) without++
      else {
        const content = irn ? await irnDictionary(image.cams) : psaDictionary(await image.cams())
        await files.put(`${image.id}.npy`, encodeNpyDictionary(content))
      }
    }
    if (without > 0) tell(`${count(without, 'mask')} left out, without CAMs`)
  },
}

function psaDictionary({ width, height, maps }: ExportCams): Map<number, TensorData> {
  return new Map([...maps].map(([k, map]) => [k, fromFloat32(map, [height, width])]))
}

/** keys [K] int64; cam [K, ceil(H / 4), ceil(W / 4)] and high_res [K, H, W] float32. */
async function irnDictionary(read: NonNullable<ExportImage['cams']>): Promise<Map<string, TensorData>> {
  const full = await read()
  const small = await read(({ width, height }) => ({
    width: Math.ceil(width / STRIDE),
    height: Math.ceil(height / STRIDE),
  }))
  return new Map([
    ['keys', fromInt64(BigInt64Array.from(full.maps.keys(), BigInt))],
    ['cam', stacked(small)],
    ['high_res', stacked(full)],
  ])
}

function stacked({ width, height, maps }: ExportCams): TensorData {
  const planes = [...maps.values()]
  const all = new Float32Array(planes.length * width * height)
  for (const [i, plane] of planes.entries()) all.set(plane, i * width * height)
  return fromFloat32(all, [planes.length, height, width])
}
