import type { DecodedCounts } from '../source/decoded-counts.ts';
import { NONE } from '../source/decoded-counts.ts';
import { readCount, readRounded, requireCount, type Source, toFields } from '../source/read-count.ts';

/**
 * Embeddings and rerankers that state one number, which is the input (Voyage, Jina, Mixedbread).
 * Voyage's multimodal models charge text by the token and images by the pixel.
 */
export function decodeTotalOnly(source: Source): DecodedCounts {
  const text = readCount(source, 'text_tokens');
  const pixels = readCount(source, 'image_pixels');
  const total = requireCount(source, 'total_tokens');
  return {
    inputTokens: text.given && pixels.value > 0 ? text : total,
    outputTokens: NONE,
    units: {
      input_pixels: pixels,
      input_video_tokens: readCount(source, 'video_tokens'),
    },
  };
}

/** OpenAI's transcription by a model that is charged by the second: no tokens. */
export function decodeDuration(source: Source): DecodedCounts {
  return {
    inputTokens: NONE,
    outputTokens: NONE,
    units: { input_audio_seconds: readRounded(source, 'seconds', 'duration') },
  };
}

/** Mistral's OCR: pages, of which the annotated ones cost more. */
export function decodePages(source: Source): DecodedCounts {
  const pages = readCount(source, 'pages_processed');
  const annotated = readCount(source, 'pages_processed_annotation', 'annotated_pages_processed');
  const isAnnotated = toFields(source.body)?.document_annotation;
  const all = isAnnotated && !annotated.given ? pages : annotated;
  return {
    inputTokens: NONE,
    outputTokens: NONE,
    units: {
      input_document_pages: { ...pages, value: Math.max(pages.value - all.value, 0) },
      input_annotated_document_pages: all,
    },
  };
}

/** An answer of an image API that states no usage: the images themselves are counted. */
export function decodeImages(source: Source): DecodedCounts {
  const images: unknown = source.fields.data;
  const value = Array.isArray(images) ? images.length : 0;
  return {
    inputTokens: NONE,
    outputTokens: NONE,
    units: { output_images: { value, path: `${source.path}.data`, given: true } },
  };
}

/** Whether a body is a list of images without usage, by what its items hold. */
export function isImageList({ data, created }: Readonly<Record<string, unknown>>): boolean {
  if (!Array.isArray(data) || data.length === 0 || created === undefined) return false;
  return data.every((item) => {
    const fields = toFields(item);
    return typeof fields?.b64_json === 'string' || typeof fields?.url === 'string';
  });
}
