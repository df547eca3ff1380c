/** @file What a format of masks is: a function from images to files. */
import type { ExportImage } from './export-image.ts'

/** What a format needs to know besides the images. */
export interface ExportOptions {
  /** Foreground classes; class k is label k + 1. */
  readonly classes: readonly string[]
  /** Name of the data set, for titles. */
  readonly name: string
  /** Number of images, all of which come unless one cannot be read. */
  readonly total: number
  /** Polygons instead of run lengths, where a format has both. */
  readonly polygons: boolean
  /** Largest distance between an outline and its polygon, pixels. */
  readonly tolerance: number
  /** Colours instead of label indices, where a format has both. */
  readonly colour: boolean
  /** Also the images themselves, where a format can hold them. */
  readonly images: boolean
  /** What stands before the path of an image in its address, for tools that fetch images; undefined for the tool's usual one. */
  readonly imageAddress: string | undefined
  /** CAMs as IRN's scripts keep them, not as PSA's. */
  readonly irn: boolean
  /** Says what is left out or guessed, in one line. */
  readonly tell: (sentence: string) => void
  /** Counts images that the format cannot hold, of which it has told. */
  readonly leaveOut: (images: number) => void
}

/** Options of some formats alone. */
export type FormatOption = 'polygons' | 'tolerance' | 'colour' | 'images' | 'imageAddress' | 'irn'

/** Files below `--out`, each written once (else InputError). They appear all together once the format has ended, or not at all. */
export interface ExportFiles {
  /** Writes a file; folders in its path are made. */
  put(name: string, data: string | Uint8Array): Promise<void>
  /** Copies a file. */
  copy(name: string, from: string): Promise<void>
  /** Writes a file piece by piece: memory stays flat. */
  write(name: string, pieces: AsyncIterable<string | Uint8Array>): Promise<void>
  /** Text that comes too early for its file: it waits on the disk and is in no folder. */
  putAside(): Promise<AsideText>
}

export interface AsideText {
  add(text: string): Promise<void>
  /** All of it, once. */
  pieces(): AsyncIterable<Uint8Array>
  close(): Promise<void>
}

export interface ExportFormat {
  /** For `--help`: a few words. */
  readonly brief: string
  /** Name of its only file, which `--out` may name directly; absent for a folder. */
  readonly file?: string
  /** Every file but its lists is written while one image is at hand, and an image that is `made` writes none: images may be made in shards. */
  readonly perImage?: true
  /** The options that have an effect on it. */
  readonly options?: readonly FormatOption[]
  /** What it cannot do without, said before anything is read. */
  readonly needs?: 'images' | 'cams'
  /** Consumes the images one after another and writes the files. Throws InputError. */
  readonly write: (
    images: AsyncIterable<ExportImage>,
    files: ExportFiles,
    options: ExportOptions,
  ) => Promise<void>
}
