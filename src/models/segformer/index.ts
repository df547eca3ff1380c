/** @file SegFormer's segmentation head. */
export { SegformerHead, type SegformerHeadOptions } from './head.ts'
