/** @file Tokens as maps and maps as tokens: the same memory, channels last. */
import type { Tensor } from '../../torch/index.ts'
import type { PatchGrid } from '../vit/index.ts'

/** [B, h*w, C], row by row -> [B, C, h, w], a view whose channels lie side by side, as convolutions also take it */
export function asMap(tokens: Tensor, { rows, columns }: PatchGrid): Tensor {
  return tokens.reshape(tokens.size(0), rows, columns, tokens.size(2)).permute(0, 3, 1, 2)
}

/** [B, C, h, w] -> [B, h*w, C]; a view where channels lie side by side. */
export function asTokens(map: Tensor): Tensor {
  return map.permute(0, 2, 3, 1).reshape(map.size(0), -1, map.size(1))
}

export function gridOf(map: Tensor): PatchGrid {
  return { rows: map.size(2), columns: map.size(3) }
}
