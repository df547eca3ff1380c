import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../../../../test/temporary-folder.ts'
import { writeSafetensors } from '../../../io/safetensors.ts'
import { fromFloat32 } from '../../../io/tensor-data.ts'
import { readTokenPlots } from './token-plots.ts'

test.each(['[0,', '{}', '5', '["a","b"]', '[0]'])(
  'classes that are no list of numbers are refused: %s',
  async classes => {
    const path = join(await temporaryFolder([]), 'class-tokens.safetensors')
    const tokens = fromFloat32(new Float32Array(4), [2, 1, 2])
    await writeSafetensors(path, new Map([['tokens', tokens]]), { classes })
    await expect(readTokenPlots(path)).rejects.toThrow(
      `${path}: holds no class tokens; run the stage maps again`,
    )
  },
)
