/** @file The parts vision transformers are built from. */
export { type Attended, Attention } from './attention.ts'
export { Block, blocks } from './block.ts'
export { Mlp } from './mlp.ts'
export { PatchEmbed } from './patch-embed.ts'
export { resamplePositions } from './pos-embed.ts'
export { deit, type VitOptions } from './widths.ts'
