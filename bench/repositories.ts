/** @file The authors' repositories, of which a clone may be a peer. Imports nothing. */
/** Repositories of the methods, and a file by which a clone is known. */
export const REPOSITORIES = {
  afa: { url: 'github.com/rulixiang/afa', file: 'wetr/model_attn_aff.py' },
  cti: { url: 'github.com/yoon307/CTI', file: 'models/model_CTI.py' },
  mctformer: { url: 'github.com/xulianuwa/MCTformer', file: 'vision_transformer.py' },
  semformer: { url: 'github.com/JLChen-C/SemFormer', file: 'core/models/semformer.py' },
  weaktr: { url: 'github.com/hustvl/WeakTr', file: 'AAF.py' },
} as const

export type RepositoryName = keyof typeof REPOSITORIES
