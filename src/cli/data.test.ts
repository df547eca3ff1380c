import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { tagmask } from '../../test/command-line.ts'
import { temporaryFolder } from '../../test/temporary-folder.ts'

const CVAT = `<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version>
<image id="0" name="a.jpg"><tag label="cat"/><tag label="dog"/></image>
<image id="1" name="b.jpg"></image>
</annotations>`

test('tagmask data tags writes what is found as a plain table, once', async () => {
  const root = await temporaryFolder({ 'images/a.jpg': '', 'images/b.jpg': '', 'job.xml': CVAT })
  const out = join(root, 'tags.csv')
  const first = await tagmask('data', 'tags', root, '--out', out)
  expect(first.code).toBe(0)
  expect(first.out + first.err).toContain('2 images, 1 with tags of 2 classes')
  expect(await readFile(out, 'utf8')).toBe('file,tags\nimages/a.jpg,cat;dog\nimages/b.jpg,\n')
  const again = await tagmask('data', 'tags', root, '--out', out)
  expect([again.code, again.err]).toEqual([
    1,
    `error: ${out}: is there, and is not written over; another name, or remove it first\n`,
  ])
  const other = await tagmask(
    'data',
    'tags',
    root,
    '--tags',
    join(root, 'job.xml'),
    '--out',
    join(root, 'x.json'),
  )
  expect(other.code).toBe(0)
  expect(JSON.parse(await readFile(join(root, 'x.json'), 'utf8'))).toEqual([
    { file: 'images/a.jpg', tags: ['cat', 'dog'] },
    { file: 'images/b.jpg', tags: [] },
  ])
})
