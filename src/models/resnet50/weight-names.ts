/** @file Names of published ResNet50 weights: torchvision's, and those of IRN's descendants (semformer, core/networks_legacy.py). Pure. */

/**
 * torchvision's name for a name of the published AffinityNet: stage1.0 is conv1, stage1.1 bn1, stage2.0 layer1 and so on.
 * The second names of the same tensors (backbone.*, edge_layers.*), the buffers path_indices_* and the classifier give
 * undefined; every other name stays as it is.
 */
export function torchvisionName(name: string): string | undefined {
  if (/^(backbone\.\d|edge_layers\.|path_indices_|fc\.)/.test(name)) return undefined
  return name
    .replace(/^stage1\.0\./, 'conv1.')
    .replace(/^stage1\.1\./, 'bn1.')
    .replace(/^stage([2-5])\.0\./, (_, stage: string) => `layer${Number(stage) - 1}.`)
}

/** The published name of a weight at torchvision's name. */
export function stageName(name: string): string {
  return name
    .replace(/^conv1\./, 'stage1.0.')
    .replace(/^bn1\./, 'stage1.1.')
    .replace(/^layer([1-4])\./, (_, layer: string) => `stage${Number(layer) + 1}.0.`)
}
