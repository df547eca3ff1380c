/** @file `tagmask data tags`: the tags of a data set as a plain table. */
import { resolve } from 'node:path'
import { buildCommand, type Command } from '@stricli/core'
import { collectTags, writeTags } from '../../data/tags/plain-tags.ts'
import { count } from '../../io/count.ts'
import { fromHere } from '../../pipeline/run/run-folder.ts'
import type { CliContext } from '../context.ts'
import { type OutputFlags, profileFlag, tagsFlag, tagsOfFlag } from '../run-flags.ts'

interface TagsFlags extends Pick<OutputFlags, 'profile'> {
  readonly out: string
  readonly tags?: string
  readonly split?: string
}

export const tags: Command<CliContext> = buildCommand<TagsFlags, [string], CliContext>({
  docs: {
    brief: 'Write the tags of a data set, wherever they come from, as a plain tags.csv',
    fullDescription: `Reads the tags as a run would (docs/data.md): tables, exports of Label Studio, CVAT, COCO and YOLO, keywords of photos,
cls_labels.npy, annotations, masks. Writes a row for each image: its path, tags separated by ";", and its split where
there are several (empty for an image of none). A file that is there is never written over.

Examples:
  tagmask data tags my-photos --out tags.csv
  tagmask data tags my-photos --tags keywords --out tags.csv
  tagmask data tags VOCdevkit/VOC2012 --tags masks --split train --out train-tags.csv
  tagmask data tags my-photos --tags ~/Downloads/project-1-at-2024-05-02.json --out tags.json`,
  },
  parameters: {
    flags: {
      out: {
        kind: 'parsed',
        parse: value => value,
        placeholder: 'FILE',
        brief: 'The new file: .csv or .json',
      },
      ...tagsFlag,
      split: {
        kind: 'parsed',
        parse: value => value,
        optional: true,
        placeholder: 'NAME',
        brief: 'Only images of this split; default: all of them',
      },
      ...profileFlag,
    },
    positional: {
      kind: 'tuple',
      parameters: [{ parse: value => value, placeholder: 'DIR', brief: 'Folder of the data set' }],
    },
  },
  async func({ out, tags: source, split, profile }, root) {
    const log = this.openLog({ profile })
    const found = await collectTags(root, {
      ...(split !== undefined && { split }),
      ...(source !== undefined && { tags: tagsOfFlag(source) }),
    })
    for (const note of found.notes) log.info(note)
    for (const warning of found.warnings) log.warn(warning)
    const file = resolve(out)
    await writeTags(file, found.rows)
    const tagged = found.rows.filter(row => row.tags.length > 0).length
    log.tell(
      `${fromHere(file)}: ${count(found.rows.length, 'image')}, ${tagged.toLocaleString('en')} with tags of ${count(found.classes.length, 'class')}`,
      { file, images: found.rows.length, tagged, classes: found.classes },
    )
  },
})
