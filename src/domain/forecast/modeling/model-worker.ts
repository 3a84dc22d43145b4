import { parentPort } from 'node:worker_threads';
import { judgeModel } from '../engine/judge-model.ts';
import { modelSeries } from '../engine/model-series.ts';
import type { JudgedModel, ModelQuestion } from './series-modeler.ts';

/** Judging a model takes a tenth as long as making it, and blocks as well. */
function answer({ history, level }: ModelQuestion): JudgedModel {
  const model = modelSeries(history);
  return { ...model, accuracy: judgeModel(model, level) };
}

// The thread that series are modelled in, one after another.
parentPort?.on('message', (question: ModelQuestion) => parentPort?.postMessage(answer(question)));
