/** @file Boxes and regions of a plain folder as tags: exports of tools beside images/, or an XML for each image as LabelImg writes them. */
import { basename, join } from 'node:path'
import { InputError } from '../../errors.ts'
import { stemOf } from '../image-endings.ts'
import { filesBelow } from '../image-path.ts'
import { listFolder, readText } from '../listing.ts'
import { findExports, readTagsOf, type TagFile, type TagFileOptions, tagFileOf } from '../tag-file.ts'
import type { TagRow } from '../tag-table.ts'
import { annotatedClasses } from '../voc-annotation.ts'

/** Throws InputError when the folder has neither; wrong entries are faults. */
export async function readAnnotationFiles(root: string, options: TagFileOptions): Promise<TagFile> {
  const [name] = await findExports(root)
  if (name !== undefined) return readTagsOf(join(root, name), options)
  const folder = (await listFolder(root)).find(one => /^annotations?$/i.test(one))
  const files =
    folder === undefined ? [] : (await filesBelow(join(root, folder))).filter(file => /\.xml$/i.test(file))
  if (files.length === 0)
    throw new InputError(root, 'has no annotations', {
      field: 'data.tags',
      expected:
        'Annotations/ with an XML for each image, labels/ of YOLO, or the export of a tool beside images/',
    })
  const rows: TagRow[] = []
  for (const file of files) {
    const path = join(root, folder!, file)
    const tags = annotatedClasses((await readText(path)) ?? '', path, options.problems)
    rows.push({ file: stemOf(file), tags, split: undefined, where: basename(file) })
  }
  const notes = [`${join(root, folder!)}: the names of the objects are the tags`]
  return tagFileOf(join(root, folder!), { rows, exclusive: false, notes }, options)
}
