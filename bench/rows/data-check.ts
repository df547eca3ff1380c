/** @file data-check: `tagmask data check` of images and masks, against sharp's bare decode of the same files. */
import { resolve } from 'node:path'
import { checkData } from '../../src/pipeline/check/check-data.ts'
import { decodeFloor, openImages } from '../files.ts'
import type { Row } from '../row.ts'
import { temporaryFolder } from '../temporary-folder.ts'

export const dataCheck: Row = {
  name: 'data-check',
  title: 'every image and mask of a folder checked (375 x 500 pixels unless --data)',
  unit: 'images/s',
  async prepare({ quick, data }) {
    const folder = temporaryFolder()
    const { root, files, masks } = await openImages(folder.path, { quick, data })
    return {
      amount: files.length,
      ours: () => checkData(resolve(root)),
      peer: { missing: undefined },
      floor: decodeFloor([...files, ...masks]),
      close: folder.remove,
    }
  },
}
