/** @file Pairwise parameters of the dense CRF, and the sets of the five papers' code. Imports nothing. */
/** Smoothness: exp(-|p_i - p_j|^2 / 2 sxy^2). sxy in pixels, one value or [x, y]; compat is the Potts weight. */
export interface GaussianTerm {
  readonly sxy: number | readonly [x: number, y: number]
  readonly compat: number
}

/** Appearance: the Gaussian times exp(-|I_i - I_j|^2 / 2 srgb^2). srgb in grey levels, one value or [r, g, b]. */
export interface BilateralTerm extends GaussianTerm {
  readonly srgb: number | readonly [r: number, g: number, b: number]
}

/** Everything of the model but the unary. A term that is `null` is left out. */
export interface CrfParameters {
  readonly iterations: number
  readonly gaussian: GaussianTerm | null
  readonly bilateral: BilateralTerm | null
}

/** CAMs: MCTformer's labels for AffinityNet (psa/tool/imutils.crf_inference), CTI, SemFormer, AFA's helper. */
export const CAM_CRF: CrfParameters = {
  iterations: 10,
  gaussian: { sxy: 3, compat: 3 },
  bilateral: { sxy: 80, srgb: 13, compat: 10 },
}

/** Final masks of MCTformer (seg/tool/imutils.crf_inference_inf). */
export const MCTFORMER_MASK_CRF: CrfParameters = {
  iterations: 10,
  gaussian: { sxy: 4, compat: 3 },
  bilateral: { sxy: 83, srgb: 5, compat: 3 },
}

/** Hard pseudo labels of WeakTr on VOC (crf_inference_label), gtProb 0.7. */
export const WEAKTR_VOC_LABEL_CRF: CrfParameters = MCTFORMER_MASK_CRF

/** Hard pseudo labels of WeakTr on COCO (crf_inference_label_coco), of SemFormer and AFA's helper, gtProb 0.7. */
export const LABEL_CRF: CrfParameters = {
  iterations: 10,
  gaussian: { sxy: 3, compat: 3 },
  bilateral: { sxy: 50, srgb: 5, compat: 10 },
}

/** SemFormer's final pseudo labels (make_pseudo_labels): one iteration, gtProb 0.7. */
export const SEMFORMER_LABEL_CRF: CrfParameters = { ...LABEL_CRF, iterations: 1 }

/** Final masks of WeakTr on VOC (segm/eval/densecrf). */
export const WEAKTR_VOC_MASK_CRF: CrfParameters = {
  iterations: 10,
  gaussian: { sxy: 3, compat: 3 },
  bilateral: { sxy: 83, srgb: 5, compat: 3 },
}

/** Final masks of WeakTr on COCO (segm/eval/densecrf). */
export const WEAKTR_COCO_MASK_CRF: CrfParameters = {
  iterations: 10,
  gaussian: { sxy: 1, compat: 3 },
  bilateral: { sxy: 67, srgb: 3, compat: 4 },
}

/** Final masks of AFA (scripts/test_msc_flip.py). */
export const AFA_MASK_CRF: CrfParameters = {
  iterations: 10,
  gaussian: { sxy: 3, compat: 3 },
  bilateral: { sxy: 64, srgb: 5, compat: 4 },
}
