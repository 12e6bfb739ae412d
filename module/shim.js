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

class Front extends WorkerEntrypoint {
  fetch(request) {
    return guarded(() => module.fetch(request, this.env, this.ctx));
  }
}

// The entrypoint in front of which Cloudflare's cache is, where wrangler.toml says so (docs/OPERATIONS.md, "Cloudflare's
// cache"). All other requests have the default one, without a cache: a cache would turn a HEAD of new-nonce into a GET.
export class Cached extends Front {}

const AT_BASE = /^\/(directory|root\.(crt|pem)|acme\/renewal-info\/[\w.-]+)$/;
// Verifiers fetch these without TLS, and at any address of the Worker.
const ANYWHERE = /^\/(issuer\/\w+\.crt|crl\/[\w/]+\.(crl|pem))$/;

// Whether the answer depends on nothing but the path.
function cacheable(request, env) {
  if (env.WORKERS_CACHE !== "true" || request.method !== "GET") return false;
  const { origin, pathname, search } = new URL(request.url);
  return search === "" && (ANYWHERE.test(pathname) || (origin === new URL(env.BASE_URL).origin && AT_BASE.test(pathname)));
}

export default class extends Front {
  fetch(request) {
    return cacheable(request, this.env) ? this.ctx.exports.Cached.fetch(request) : super.fetch(request);
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
