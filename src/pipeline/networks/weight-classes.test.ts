import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../../../test/temporary-folder.ts'
import { writeSafetensors } from '../../io/safetensors.ts'
import { silentLog } from '../../train/log.ts'
import { classWords, compareClasses } from './weight-classes.ts'

test('weights of the same classes pass, in another order they do not, of others they are warned of', async () => {
  const folder = await temporaryFolder([])
  const file = join(folder, 'last.safetensors')
  const weight = { dtype: 'float32', shape: [1], data: new Uint8Array(4) } as const
  await writeSafetensors(file, new Map([['weight', weight]]), classWords(['cat', 'dog']))
  const log = silentLog()
  const compare = (classes: string[], given = file) =>
    compareClasses(given, classes, { field: 'maps.weights', log })
  await compare(['cat', 'dog'])
  await compare(['cat', 'dog', 'owl']) // of other shapes, which is said elsewhere
  expect(log.warnings).toEqual([])
  await expect(compare(['dog', 'cat'])).rejects.toThrow(
    `${file} (maps.weights): has these classes in another order: cat, dog; the data set's are dog, cat; a classes.txt`,
  )
  await compare(['Katze', 'Hund'])
  expect(log.warnings).toEqual([
    `${file}: was trained on cat, dog; here they stand for Katze, Hund, in this order`,
  ])
})

test('files that name no classes are taken as they are', async () => {
  const folder = await temporaryFolder([])
  const [plain, other] = ['plain.safetensors', 'weights.pth'].map(name => join(folder, name)) as [
    string,
    string,
  ]
  await writeSafetensors(plain, new Map(), { classes: '{broken' })
  await writeFile(other, 'x')
  const log = silentLog()
  for (const file of [plain, other]) await compareClasses(file, ['cat'], { field: 'weights', log })
  expect(log.warnings).toEqual([])
})
