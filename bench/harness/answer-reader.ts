const END_OF_HEAD = '\r\n\r\n';
const END_OF_CHUNKS = '\r\n0\r\n\r\n';
const LENGTH = /\r\ncontent-length: *(\d+)/i;

/** Cuts HTTP/1.1 answers out of a socket's data, one at a time: the next request is sent after the whole answer. */
export class AnswerReader {
  status = 0;
  #data: Buffer = Buffer.alloc(0);
  #bodyStart = 0;
  #isComplete = true;

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
    const head = data.toString('latin1', 0, end);
    this.status = Number(head.slice(9, 12));
    this.#bodyStart = end + END_OF_HEAD.length;
    const length = LENGTH.exec(head)?.[1];
    if (length !== undefined) return data.length >= this.#bodyStart + Number(length);
    return (
      data.length >= this.#bodyStart && data.toString('latin1', data.length - END_OF_CHUNKS.length) === END_OF_CHUNKS
    );
  }
}
