/** @file Networks that methods share, the public way in: transformers, ResNet38, U-Net, segmentation networks. */
export * from './dense-backbone.ts'
export * from './mit/index.ts'
export * from './resnet38/index.ts'
export * from './segformer/index.ts'
export * from './segmentation/index.ts'
export * from './segmenter/index.ts'
export * from './unet/index.ts'
export * from './vit/index.ts'
