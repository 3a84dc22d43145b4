const END_OF_HEAD = '\r\n\r\n';
const END_OF_CHUNKS = '\r\n0\r\n\r\n';
const LENGTH = /\r\ncontent-length: */i;
const ZERO = 48;

function digitAt(data: Buffer, at: number): number {
  return (data[at] ?? ZERO) - ZERO;
}

/**
 * Cuts HTTP/1.1 answers out of a socket's data, one at a time: the next request is sent after the
 * whole answer.
 */
export class AnswerReader {
  status = 0;
  #data: Buffer = Buffer.alloc(0);
  #bodyStart = 0;
  #isComplete = true;
  #name = '';
  #nameAt = -1;

  /** Takes what came. True when it completes an answer. */
  push(chunk: Buffer): boolean {
    this.#data = this.#isComplete ? chunk : Buffer.concat([this.#data, chunk]);
    this.#isComplete = this.#readAll();
    return this.#isComplete;
  }

  /** Of the complete answer, chunk sizes included where it came in chunks. */
  body(): string {
    return this.#data.toString('utf8', this.#bodyStart);
  }

  #readAll(): boolean {
    const data = this.#data;
    const end = data.indexOf(END_OF_HEAD);
    if (end < 0) return false;
    this.status = digitAt(data, 9) * 100 + digitAt(data, 10) * 10 + digitAt(data, 11);
    this.#bodyStart = end + END_OF_HEAD.length;
    // Servers write the same head again and again but for its values: where the length stood it
    // mostly stands again.
    const length = this.#lengthAt(end);
    if (length !== null) return data.length >= this.#bodyStart + length;
    return (
      data.length >= this.#bodyStart && data.toString('latin1', data.length - END_OF_CHUNKS.length) === END_OF_CHUNKS
    );
  }

  /** The declared length; null where there is none. */
  #lengthAt(end: number): number | null {
    const data = this.#data;
    const isThere =
      this.#nameAt >= 0 && data.toString('latin1', this.#nameAt, this.#nameAt + this.#name.length) === this.#name;
    if (!isThere) {
      const found = LENGTH.exec(data.toString('latin1', 0, end));
      if (!found) return null;
      this.#name = found[0];
      this.#nameAt = found.index;
    }
    let length = 0;
    for (let at = this.#nameAt + this.#name.length; at < end; at++) {
      const digit = digitAt(data, at);
      if (digit < 0 || digit > 9) break;
      length = length * 10 + digit;
    }
    return length;
  }
}
