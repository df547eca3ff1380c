import { execFileSync } from 'node:child_process'
import { mkdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { tagmask } from '../../test/command-line.ts'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import { packageRoot } from '../io/package-root.ts'

const completed = async (...words: string[]): Promise<string[]> =>
  (await tagmask('__complete', ...words)).out.split('\n').filter(Boolean)

test.each([
  [['ru'], ['run', 'runs']],
  [['runs', 'co'], ['compare']],
  [
    ['weights', ''],
    ['list', 'fetch', 'inspect', 'convert'],
  ],
  [
    ['train', 'x', '--weights', 'mit-b'],
    ['mit-b0', 'mit-b1', 'mit-b2', 'mit-b3', 'mit-b4', 'mit-b5'],
  ],
  [['train', 'x', '--weights', ''], []],
  [
    ['run', 'photos'],
    ['photos_cpu', 'photos_gpu'],
  ],
  [['recipes', 'cti_dem'], ['cti_demo']],
  [
    ['recipes', '--method', 'c'],
    ['cam', 'cti'],
  ],
  [['evaluate', 'x', '--we'], []], // it has no such flag
  [['train', 'x', '--we'], ['--weights']],
  [
    ['run', 'x', '--precision', ''],
    ['auto', 'fp32', 'bf16'],
  ],
  [['run', 'x', '--set', 'train.ep'], ['train.epochs=']],
  [['ablate', 'cti-c'], ['cti-components']],
  [
    ['completion', ''],
    ['bash', 'zsh'],
  ],
  [['demo', ''], []], // flags once there is a dash: file names until then
  [['nothing', ''], []],
])('%j', async (words, found) => {
  expect(await completed(...words)).toEqual(found)
})

/** What bash itself would put into the line, in a folder with two runs. */
test('bash completes commands, recipes and runs', { timeout: 60_000 }, async () => {
  const folder = await temporaryFolder({
    'runs/thirty/recipe.yaml': 'method: cam\n',
    'runs/ablate-x/unet-seed0/recipe.yaml': 'method: cam\n',
  })
  await mkdir(join(folder, 'bin'))
  await symlink(join(packageRoot(), 'bin', 'tagmask'), join(folder, 'bin', 'tagmask'))
  const replies = (...words: string[]): string[] => {
    const script = `
      eval "$(tagmask completion bash)"
      compopt() { :; } # bash has it only while it completes
      COMP_WORDS=(tagmask ${words.map(word => `'${word}'`).join(' ')}); COMP_CWORD=${words.length}
      _tagmask; printf '%s\\n' "\${COMPREPLY[@]}"`
    const env = { ...process.env, PATH: `${join(folder, 'bin')}:${process.env.PATH}` }
    const out = execFileSync('bash', ['-c', script], { cwd: folder, env, encoding: 'utf8' })
    return out.split('\n').filter(Boolean)
  }
  expect(replies('predict', '')).toEqual(['ablate-x/unet-seed0', 'thirty'])
  expect(replies('runs', 'compare', 'thirty', 'ab')).toEqual(['ablate-x/unet-seed0'])
  expect(replies('rec')).toEqual(['recipes'])
  expect(replies('run', 'x', '--resume')).toEqual(['--resume-with-changes'])
})
