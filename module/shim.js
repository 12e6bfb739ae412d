// The Worker's entry: hands each event to the wasm module, and replaces the module's instance after a trap.
//
// A trap (a panic, a failed allocation) leaves the memory of an instance in an unknown state. The worker crate's panic hook,
// or the handlers below, set `criticalError`; the next event instantiates the module again.
import { WorkerEntrypoint } from "cloudflare:workers";
import * as module from "./index.js";

Error.stackTraceLimit = 100;

// { criticalError, instanceId }: each instance raises the number when it starts.
const state = module.__worker_init_state();

function renew() {
  if (state.criticalError) {
    console.log("the wasm module has trapped: instantiating it again");
    state.criticalError = false;
    module.__wbg_reset_state();
  }
}

function note(error) {
  if (error instanceof WebAssembly.RuntimeError) {
    console.error("Critical", error);
    state.criticalError = true;
  }
}

// Traps within a promise's callback, which has no caller.
addEventListener("error", (event) => note(event.error));

async function guarded(call) {
  try {
    renew();
    return await call();
  } catch (error) {
    note(error);
    throw error;
  }
}

export default class extends WorkerEntrypoint {
  fetch(request) {
    return guarded(() => module.fetch(request, this.env, this.ctx));
  }
}

export class Partition {
  #context;
  #env;
  #instanceId;
  #partition;

  constructor(context, env) {
    this.#context = context;
    this.#env = env;
  }

  // Made again in a new instance of the module: its memory has nothing of the old one.
  #made() {
    if (this.#instanceId !== state.instanceId) {
      this.#partition = new module.Partition(this.#context, this.#env);
      this.#instanceId = state.instanceId;
    }
    return this.#partition;
  }

  fetch(request) {
    return guarded(() => this.#made().fetch(request));
  }

  alarm() {
    return guarded(() => this.#made().alarm());
  }
}
