/** @file What a row of the benchmark is: a hot path of ours, beside a peer that does the same and a floor that nobody gets below. */
import type { Precision } from '../src/torch/index.ts'

/** How a row is to be measured. */
export interface Conditions {
  readonly precision: Precision
  /** As checkDevice takes it. */
  readonly device: string
  /** Small sizes: whether it runs, not how fast. */
  readonly quick: boolean
  /** Images of a training step; undefined: the row's own. */
  readonly batch: number | undefined
  /** Clones of the authors' repositories, by the name of the method. */
  readonly clones: Readonly<Record<string, string>>
  /** A folder of tagged images; undefined: made pictures. */
  readonly data: string | undefined
  /** PyTorch with the kernels that it picks itself, not with ours. */
  readonly peerDefaults: boolean
}

/** What must hold of a row: at least a share of the floor, at least a ratio to the peer, at most a share of its memory. */
export interface Bar {
  readonly of: 'share' | 'ratio' | 'memory'
  readonly bound: number
  readonly precision?: Precision
  /** Counts only against the authors' own code. */
  readonly authors?: true
}

export type Unit = 'images/s' | 'MB/s'

export interface Row {
  /** GROUP or GROUP/CASE; `--only` takes either. */
  readonly name: string
  /** What is done, with its size. */
  readonly title: string
  readonly unit: Unit
  /** Whether it computes in the precision asked for; default: it has one of its own. */
  readonly byPrecision?: true
  readonly bars?: readonly Bar[]
  /** Throws InputError where a clone or the data given are not what they should be. */
  prepare(conditions: Conditions): Promise<Contest>
}

/** A row that is ready to run. */
export interface Contest {
  /** Images or megabytes of one call of ours. */
  readonly amount: number
  readonly ours: () => unknown
  /** `process`: the peak of all of it is compared; `call`: what the call takes above the process before. */
  readonly memory?: 'process' | 'call'
  readonly peer: Peer | MissingPeer
  readonly floor?: Floor
  readonly close?: () => unknown
}

/** What one run of the peer took, for the amount of ours. */
export interface PeerRun {
  readonly seconds: number
  /** Bytes of its process: the peak of the run, and before its first. */
  readonly peak?: number
  readonly before?: number
}

export interface Peer {
  readonly name: string
  /** The authors' own code. */
  readonly authors?: boolean
  readonly run: () => Promise<PeerRun>
  /** Largest difference between its last result and ours. */
  readonly difference?: () => Promise<number>
}

export interface MissingPeer {
  /** How to give it, as in "give --clone afa=PATH"; undefined where there is none. */
  readonly missing: string | undefined
}

/** The least seconds that a call of ours can take on this machine, measured anew each time. */
export interface Floor {
  /** What the machine is busy with, as in "products". */
  readonly name: string
  readonly seconds: () => number | Promise<number>
}

/** What was measured of a row. */
export interface RowResult {
  readonly row: string
  /** Null where the row has one of its own. */
  readonly precision: Precision | null
  readonly unit: Unit
  /** Median of the rounds. */
  readonly value: number
  readonly rounds: number
  /** Floor over ours, in time, the median of the rounds: 1 is the limit of the machine. */
  readonly share: number | null
  readonly floor: string | null
  readonly peer: PeerResult | null
  /** How to give the peer that was missing. */
  readonly missing: string | null
}

export interface PeerResult {
  readonly name: string
  readonly authors: boolean
  readonly value: number
  /** Its time over ours, the median of the rounds. */
  readonly ratio: number
  /** Our memory over its. */
  readonly memory: number | null
  readonly difference: number | null
}
