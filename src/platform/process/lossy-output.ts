/** Where whole lines go, which may be full, slow or gone. */
export interface Sink {
  /** Takes a line, or refuses it at once; it never waits. */
  take(line: string): boolean;
  /** Resolves when what was taken is written, or after `timeoutMs`. */
  flush(timeoutMs: number): Promise<void>;
}

/** What a sink tells of itself. */
export interface SinkEvents {
  /** A line that was taken could not be written after all. */
  onLost(): void;
  /** It takes lines again. */
  onReady(): void;
}

/** An output that drops lines, and counts them, where it would have to wait or to fail. */
export interface LossyOutput {
  write(line: string): void;
  droppedLines(): number;
  flush(timeoutMs: number): Promise<void>;
}

const WARN = 40;

function describeLoss(lines: number): string {
  const msg = `${lines} ${lines === 1 ? 'line was' : 'lines were'} dropped: standard output was full or closed`;
  return `${JSON.stringify({ level: WARN, time: new Date().toISOString(), droppedLines: lines, msg })}\n`;
}

/** After a loss, the first line that is taken again says how many are missing there. */
export function createLossyOutput(open: (events: SinkEvents) => Sink): LossyOutput {
  let dropped = 0;
  let untold = 0;
  const drop = () => {
    dropped++;
    untold++;
  };
  const tell = () => {
    if (untold === 0 || !sink.take(describeLoss(untold))) return;
    untold = 0;
  };
  const sink = open({ onLost: drop, onReady: tell });
  return {
    write(line) {
      tell();
      if (untold > 0 || !sink.take(line)) drop();
    },
    droppedLines: () => dropped,
    flush: sink.flush,
  };
}
