import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hasImageEnding } from './image-endings.ts'
import { tableRows } from './tag-table.ts'
import { cleanWord, foldWord } from './tag-words.ts'

const read = (text: string, known: readonly string[] = []) =>
  tableRows('tags.csv', text, { isImage: hasImageEnding, known: new Set(known.map(foldWord)) })

const tagsIn = (text: string, known?: readonly string[]): Record<string, readonly string[]> => {
  const tags: Record<string, string[]> = {}
  for (const row of read(text, known).rows)
    tags[cleanWord(row.file)] = [...(tags[cleanWord(row.file)] ?? []), ...row.tags]
  return tags
}

const SAME = { 'a.jpg': ['cat', 'dog'], 'b.jpg': ['bird'], 'c.jpg': [] }

describe('one table in many dialects', () => {
  test.each([
    ['the plain one', 'file,tags\na.jpg,cat;dog\nb.jpg,bird\nc.jpg,\n'],
    ['German Excel', 'Datei;Tags\r\n"a.jpg";"cat, dog"\r\nb.jpg;bird\r\nc.jpg;\r\n'],
    ['German Excel, quoted', 'file;tags\r\n"a.jpg";"cat;dog"\r\n"b.jpg";"bird"\r\n"c.jpg";""\r\n'],
    ['tabs', 'Filename\tLabels\na.jpg\tcat, dog\nb.jpg\tbird\nc.jpg\t\n'],
    ['bars', 'image name|class\na.jpg|cat;dog\nb.jpg|bird\nc.jpg|\n'],
    ['a quoted list', 'file,tags\na.jpg,"cat, dog"\nb.jpg,bird\nc.jpg,\n'],
    ['a quoted list after a blank', 'file, tags\na.jpg, "cat, dog"\nb.jpg, bird\nc.jpg, \n'],
    ['a bar in the cell', 'file,tags\na.jpg,cat|dog\nb.jpg,bird\nc.jpg,\n'],
    ['a row for each tag', 'filename,label\na.jpg,cat\na.jpg,dog\nb.jpg,bird\nc.jpg,\n'],
    ['a column for each tag', 'image,tag1,tag2\na.jpg,cat,dog\nb.jpg,bird,\nc.jpg,,\n'],
    ['columns without a name behind the tags', 'file,tags,,\na.jpg,cat,dog,\nb.jpg,bird,,\nc.jpg,,,\n'],
    ['blank columns and lines at the end', 'file,tags,,\na.jpg,cat;dog,,\nb.jpg,bird,,\nc.jpg,,,\n,,,\n'],
    ['short rows', 'file,tag 1,tag 2\na.jpg,cat,dog\nb.jpg,bird\nc.jpg\n'],
    ['0 and 1', 'file,cat,dog,bird\na.jpg,1,1,0\nb.jpg,0,0,1\nc.jpg,0,0,0\n'],
    ['x and blank', 'file;cat;dog;bird\na.jpg;x;X;\nb.jpg;;;x\nc.jpg;;;\n'],
    ['yes and no', 'Path,cat,dog,bird\na.jpg,Yes,yes,no\nb.jpg,NO,no,yes\nc.jpg,no,no,no\n'],
    [
      'TRUE and FALSE',
      'file,cat,dog,bird\na.jpg,TRUE,TRUE,FALSE\nb.jpg,FALSE,FALSE,TRUE\nc.jpg,FALSE,FALSE,FALSE\n',
    ],
    ['no header', 'a.jpg,cat;dog\nb.jpg,bird\nc.jpg,\n'],
    ['no header, tags in columns', 'a.jpg,cat,dog\nb.jpg,bird\nc.jpg\n'],
    ['an index before it', ',file,tags\n0,a.jpg,cat;dog\n1,b.jpg,bird\n2,c.jpg,\n'],
    ['the list of a program', "file,tags\na.jpg,\"['cat', 'dog']\"\nb.jpg,['bird']\nc.jpg,[]\n"],
    ["Excel's word for the delimiter", 'sep=;\r\nfile;tags\r\na.jpg;cat,dog\r\nb.jpg;bird\r\nc.jpg;\r\n'],
    [
      'invisible characters',
      '\u200bfile,tags\u00a0\na.jpg,\u00a0cat ;\u200b dog\u200e\nb.jpg,\ufeffbird\nc.jpg, \n',
    ],
    ['tags before files', 'label,filename\ncat,a.jpg\ndog,a.jpg\nbird,b.jpg\n,c.jpg\n'],
    ['a header in no known words', 'fotoliste,tiere\na.jpg,cat;dog\nb.jpg,bird\nc.jpg,\n'],
    [
      'boxes',
      'filename,width,height,class,xmin\na.jpg,9,9,cat,1\na.jpg,9,9,dog,2\nb.jpg,9,9,bird,1\nc.jpg,9,9,,\n',
    ],
    ['quotes of a word processor', 'file,tags\n“a.jpg”,“cat”;“dog”\nb.jpg,«bird»\nc.jpg,\n'],
    ['two columns of one name', 'file,tag,tag\na.jpg,cat,dog\nb.jpg,bird,\nc.jpg,,\n'],
    ['no header, tabs, and the separator of another table', 'a.jpg\tcat;dog\nb.jpg\tbird\nc.jpg\t\n'],
    ['old Macintosh lines', 'file,tags\ra.jpg,cat;dog\rb.jpg,bird\rc.jpg,\r'],
  ])('%s', (_, text) => {
    expect(tagsIn(text)).toEqual(SAME)
  })

  test('two lines of tabs without a header, the second without a tag', () => {
    expect(tagsIn('a.jpg\téclair;cat\nb c.webp\t')).toEqual({ 'a.jpg': ['éclair', 'cat'], 'b c.webp': [] })
  })

  test('any table means the same in all of them', () => {
    const word = fc.constantFrom('cat', 'traffic light', 'Vögel', 'dog-house', '狗', 'e\u0301clair', 'x1')
    const name = fc.constantFrom('a.jpg', 'IMG (1).JPG', 'sub/é.png', 'b c.webp', "d'e.jpeg")
    const table = fc.uniqueArray(fc.tuple(name, fc.uniqueArray(word, { maxLength: 3 })), {
      minLength: 1,
      selector: ([file]) => file,
    })
    const quote = (cell: string, delimiter: string, always: boolean) =>
      always || cell.includes(delimiter) || /["\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell
    fc.assert(
      fc.property(
        table,
        fc.constantFrom(',', ';', '\t', '|'),
        fc.constantFrom(';', ',', '|', '; ', ', '),
        fc.constantFrom('\n', '\r\n'),
        fc.boolean(),
        fc.constantFrom(['file', 'tags'], ['Image', 'Labels'], ['FILE NAME', 'class'], undefined),
        fc.constantFrom('cells', 'rows', 'columns', 'crosses'),
        (rows, delimiter, separator, ending, always, header, shape) => {
          const line = (cells: readonly string[]) =>
            cells.map(cell => quote(cell, delimiter, always)).join(delimiter)
          const classes = [...new Set(rows.flatMap(([, tags]) => tags))]
          const crossed = shape === 'crosses' && classes.length > 0
          const [first, second] = header ?? ['file', 'tags']
          const lines = {
            cells: [[first, second], ...rows.map(([file, tags]) => [file, tags.join(separator)])],
            rows: [
              [first, second],
              ...rows.flatMap(([file, tags]) => (tags.length > 0 ? tags : ['']).map(tag => [file, tag])),
            ],
            columns: [
              [first, 'tag1', 'tag2', 'tag3'],
              ...rows.map(([file, tags]) => [file, ...[0, 1, 2].map(i => tags[i] ?? '')]),
            ],
            crosses: [
              [first, ...classes],
              ...rows.map(([file, tags]) => [
                file,
                ...classes.map(name => (tags.includes(name) ? '1' : '0')),
              ]),
            ],
          }[crossed ? 'crosses' : shape === 'crosses' ? 'cells' : shape]
          const withHeader = crossed || header !== undefined || shape === 'columns'
          const text = lines
            .slice(withHeader ? 0 : 1)
            .map(line)
            .join(ending)
          const wanted = rows.map(([file, tags]) => [file, tags.map(tag => tag.normalize('NFC')).sort()])
          expect(Object.entries(tagsIn(text)).map(([file, tags]) => [file, [...tags].sort()])).toEqual(wanted)
        },
      ),
      { numRuns: 500 },
    )
  })
})

describe('what can be read in two ways is refused', () => {
  test.each([
    [
      'a name with a comma among lists with semicolons',
      'file,tags\na.jpg,cat;dog\nb.jpg,"chair, wooden"\n',
      'tags.csv (line 3): "chair, wooden" can be one tag or several; other rows separate tags by ";": write chair;wooden for several, or list the name in classes.txt',
    ],
    [
      'two columns of tags',
      'file,label,category\na.jpg,cat,animal\nb.jpg,car,thing\n',
      'tags.csv (header): has tags in "label", "category"; call the column that is meant "tags"',
    ],
    [
      'columns of shares',
      'file,cat,dog\na.jpg,0.3,0.7\nb.jpg,0.9,0.2\n',
      'tags.csv (line 2, column "cat"): "0.3" is neither yes nor no; a column for each class holds 0 or 1; take the other columns out, or call the column of tags "tags"',
    ],
    [
      'a column that is not 0 or 1 among those that are',
      'file,cat,dog\na.jpg,1,0\nb.jpg,0,2\n',
      'tags.csv (line 3, column "dog"): "2" is neither yes nor no; a column for each class holds 0 or 1; take the other columns out, or call the column of tags "tags"',
    ],
    [
      '0 and 1 without a header',
      'a.jpg,1,0\nb.jpg,0,1\n',
      'tags.csv (header): has columns of yes and no without names; add a first line that names them: file,cat,dog',
    ],
    [
      'a filled column without a name among those of classes',
      'file,dog,\na.jpg,1,0\nb.jpg,0,1\n',
      'tags.csv (header): column 3 has no name, but is not empty; a column for each class has its name; take out what is none',
    ],
    [
      'two columns of one class',
      'file,dog,Dog\na.jpg,1,0\nb.jpg,0,1\n',
      'tags.csv (header): has two columns "Dog"; a column for each class has its name; take out what is none',
    ],
    [
      'no images',
      'name,age\nBob,7\n',
      'tags.csv (header): begins with "name,age"; the first line must be "file,tags" (a column "split" may follow), tags separated by ";"',
    ],
    [
      'several columns that may be the tags',
      'file,weather,place\na.jpg,rain,town\nb.jpg,sun,sea\n',
      'tags.csv (header): begins with "file,weather,place"; the first line must be "file,tags" (a column "split" may follow), tags separated by ";"',
    ],
    [
      'a field too many',
      'file,tags\na.jpg,cat,dog\n',
      'tags.csv (line 2): has 3 fields where the header has 2; separate tags by ";", and quote a name that holds a comma',
    ],
    [
      'a field too many in German',
      'file;tags\na.jpg;cat;dog\n',
      'tags.csv (line 2): has 3 fields where the header has 2; separate tags by ",", and quote a name that holds a semicolon',
    ],
    [
      'an open quote in German',
      'file;tags\na.jpg;"cat\n',
      'tags.csv (line 2): a quote is not closed, or stands inside a field; a field with quotes is "quoted, with ""doubled"" quotes inside"',
    ],
  ])('%s', (_, text, message) => {
    expect(() => read(text)).toThrow(expect.objectContaining({ name: 'InputError', message }))
  })

  test('a class that is known is one tag, with commas and all', () => {
    const text = 'file,tags\na.jpg,cat;dog\nb.jpg,"Chair, wooden"\nc.jpg,"cat, dog"\n'
    expect(tagsIn(text, ['chair, wooden'])).toEqual({
      'a.jpg': ['cat', 'dog'],
      'b.jpg': ['Chair, wooden'],
      'c.jpg': ['cat', 'dog'],
    })
  })
})

test('what was guessed is said', () => {
  expect(read('fotoliste;tiere;ort\na.jpg;cat, dog;\n').notes).toEqual([
    'tags.csv: columns are separated by ";"',
    'tags.csv: the column "fotoliste" is read as the images, "tiere" as the tags',
    'tags.csv: tags in one cell are separated by ","',
  ])
  for (const name of ['picture', 'Picture name', 'photo', 'image']) // by name, so without a note
    expect(read(`${name},tags\na.jpg,cat\n`).notes).toEqual([])
  expect(read('file,tags,ort\na.jpg,cat,Ulm\n').notes).toEqual(['tags.csv: columns that are not read: ort'])
  expect(read('a.jpg,cat\n').notes).toEqual([
    'tags.csv: has no header; its columns are read as images and tags',
  ])
})
