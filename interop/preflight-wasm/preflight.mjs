// The WebAssembly module, called from JavaScript as a form would; and the test of it: `node preflight.mjs MODULE SCHEMAS`.
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";

/** Loads the module; gives a function from a question to an answer. */
export async function load(bytes) {
  const { instance, module } = await WebAssembly.instantiate(bytes, stubs(await WebAssembly.compile(bytes))).then((made) =>
    "instance" in made ? made : { instance: made, module: null },
  );
  void module;
  const { memory, preflight_alloc, preflight_check, preflight_free } = instance.exports;
  return (question) => {
    const text = new TextEncoder().encode(JSON.stringify(question));
    const place = preflight_alloc(text.length);
    new Uint8Array(memory.buffer, place, text.length).set(text);
    const packed = BigInt.asUintN(64, preflight_check(place, text.length));
    preflight_free(place, text.length);
    const [at, length] = [Number(packed >> 32n), Number(packed & 0xffffffffn)];
    const answer = new TextDecoder().decode(new Uint8Array(memory.buffer, at, length));
    preflight_free(at, length);
    return JSON.parse(answer);
  };
}

// What a dependency could ask a browser for (the time), and never does here: a call fails.
function stubs(module) {
  const imports = {};
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
    if (kind !== "function") throw new Error(`the module imports ${kind} ${from}.${name}`);
    imports[from] ??= {};
    imports[from][name] = () => {
      throw new Error(`${from}.${name} was called`);
    };
  }
  return imports;
}

function expect(holds, what) {
  if (!holds) throw new Error(what);
}

async function test(path, schemas) {
  const check = await load(await readFile(path));
  let valid = 0;
  let faulty = 0;
  for (const service of (await readdir(schemas, { withFileTypes: true })).filter((entry) => entry.isDirectory())) {
    const folder = join(schemas, service.name, "examples");
    for (const name of await readdir(folder)) {
      const data = await readFile(join(folder, name), "utf8");
      const answer = check({ service: service.name, data });
      expect(!answer.error, `${service.name}/${name}: ${answer.error}`);
      expect(answer.valid !== name.startsWith("falsch-"), `${service.name}/${name}: valid is ${answer.valid}`);
      expect(answer.valid === (answer.findings.length === 0), `${service.name}/${name}: findings`);
      expect(answer.valid || answer.text.includes("Stelle:"), `${service.name}/${name}: no text`);
      answer.valid ? (valid += 1) : (faulty += 1);
    }
  }
  expect(valid >= 40 && faulty >= 40, `only ${valid} valid and ${faulty} faulty examples`);
  const english = check({ service: "hundesteuer", data: "{}", language: "en" });
  expect(english.text.includes("is missing"), "the text in English");
  expect(check({ service: "hundesteuer", data: "{" }).findings.length > 0, "no JSON");
  expect(check({ service: "gibt-es-nicht", data: "{}" }).error.includes("hundesteuer"), "an unknown service");
  expect(check({}).error, "no data");
  const folder = join(schemas, "hundesteuer");
  const files = {};
  for (const name of ["service.toml", "schema.json"]) files[name] = await readFile(join(folder, name), "utf8");
  for (const name of await readdir(join(folder, "examples"))) {
    files[`examples/${name}`] = await readFile(join(folder, "examples", name), "utf8");
  }
  expect(check({ files, data: files["examples/familie.json"] }).valid, "a service that is handed over");
  for (let round = 0; round < 200; round += 1) check({ service: "hundesteuer", data: files["examples/familie.json"] });
  console.log(`preflight: ${valid} valid and ${faulty} faulty examples judged as their names say`);
}

if (process.argv[2]) await test(process.argv[2], process.argv[3]);
