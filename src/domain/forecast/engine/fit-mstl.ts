import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { initSync, MSTL } from '@bsull/augurs/mstl';

const WEEK = 7;
let isReady = false;

/** Compiles the WebAssembly once a thread, when it is first needed. */
function prepare(): void {
  if (isReady) return;
  const file = new URL('mstl_bg.wasm', import.meta.resolve('@bsull/augurs/mstl'));
  initSync({ module: readFileSync(fileURLToPath(file)) });
  isReady = true;
}

/**
 * Forecasts by seasonal-trend decomposition (MSTL, weekly) with an automatic ETS model of the trend; null where the
 * library finds no model, as for fewer than two weeks.
 */
export function fitMstl(days: readonly number[], horizon: number): number[] | null {
  prepare();
  const model = MSTL.ets([WEEK]);
  try {
    model.fit(Float64Array.from(days));
    const { point } = model.predict(horizon);
    return point.length === horizon && point.every(Number.isFinite) ? [...point] : null;
  } catch {
    return null;
  } finally {
    model.free();
  }
}
