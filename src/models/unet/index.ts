/** @file The U-Net global-feature module. */
export { type Tokens, Unet, type UnetOptions } from './unet.ts'
