import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { loadConfig } from "../executor/src/config/config.ts";

// The manifests of deploy/kubernetes, by the schemas of the Kubernetes API.

const root = fileURLToPath(new URL("../deploy/kubernetes", import.meta.url));
const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".yaml"));
const read = (file: string): Manifest => parse(readFileSync(join(root, file), "utf8"), { version: "1.2" }) as Manifest;

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly spec: object;
  readonly resources?: readonly string[];
}

/** The schemas by what the manifests name. The package's classes copy what they check; its functions look at it. */
const schemas: Readonly<Record<string, string>> = {
  "apps/v1 Deployment": "AppsV1Deployment",
  "v1 Service": "CoreV1Service",
  "v1 Pod": "CoreV1Pod",
  "networking.k8s.io/v1 NetworkPolicy": "NetworkingV1NetworkPolicy",
  "policy/v1 PodDisruptionBudget": "PolicyV1PodDisruptionBudget",
  "node.k8s.io/v1 RuntimeClass": "NodeV1RuntimeClass",
  "autoscaling/v2 HorizontalPodAutoscaler": "AutoscalingV2HorizontalPodAutoscaler",
};

interface Validate {
  (manifest: unknown): boolean;
  readonly errors: readonly { readonly instancePath: string }[] | null;
}

/** What the API would say to `manifest`: the places of wrong values, and of fields that it does not know. */
async function complaints(manifest: Manifest): Promise<string[]> {
  const name = schemas[`${manifest.apiVersion} ${manifest.kind}`];
  if (!name) throw new Error(`${manifest.kind} is in no table here`);
  const { validate } = (await import(`kubernetes-models/_schemas/IoK8sApi${name}`)) as { validate: Validate };
  const seen = new Set<string>();
  validate(recorded(manifest, "", seen));
  const wrong = (validate.errors ?? []).map(({ instancePath }) => instancePath);
  return [...wrong, ...[...paths(manifest)].filter((path) => !seen.has(path))]; // what no schema has read it does not know
}

test.each(files.filter((file) => !file.endsWith("kustomization.yaml")))("%s is what the API takes", async (file) => {
  expect(await complaints(read(file))).toEqual([]);
});

test("a field that the API does not know, and a value that it does not take, are seen", async () => {
  const manifest = read("base/service.yaml");
  const spec = { ...manifest.spec, portz: [], ports: "8001" };
  expect(await complaints({ ...manifest, spec })).toEqual(["/spec/ports", "/spec/portz"]);
});

test.each(files.filter((file) => file.endsWith("kustomization.yaml")))("%s names files that are there", (file) => {
  const folder = join(root, dirname(file));
  const { resources = [] } = read(file);
  expect(resources.filter((resource) => !existsSync(join(folder, resource)))).toEqual([]);
  const beside = readdirSync(folder).filter((name) => name !== "kustomization.yaml");
  expect(beside.filter((name) => !resources.includes(name))).toEqual([]);
});

type Labels = Readonly<Record<string, string>>;

interface Selector {
  readonly matchLabels: Labels;
}

/** As Kubernetes has it: a selector without labels covers all. */
const covers = ({ matchLabels = {} }: Partial<Selector>, labels: Labels) =>
  Object.entries(matchLabels).every(([name, value]) => labels[name] === value);

test("what is written is what is applied: no kustomization changes a label, a name or a selector", () => {
  const harmless = new Set(["apiVersion", "kind", "resources", "images", "patches"]);
  for (const file of files.filter((file) => file.endsWith("kustomization.yaml"))) {
    expect(Object.keys(read(file)).filter((key) => !harmless.has(key))).toEqual([]);
  }
});

test("the service, the policy and the budget cover the executors, no other pod, and let in the apps", () => {
  const { selector, template } = read("base/deployment.yaml").spec as {
    selector: Selector;
    template: { metadata: { labels: Labels } };
  };
  const policy = read("base/network-policy.yaml").spec as {
    podSelector: Selector;
    ingress: readonly { from: readonly { podSelector?: Selector }[] }[];
  };
  const budget = read("base/disruption-budget.yaml").spec as { selector: Selector };
  const service = read("base/service.yaml").spec as { selector: Labels };
  const app = { "app.kubernetes.io/name": "shop", "codemode.dev/client": "true" };
  for (const each of [selector, policy.podSelector, budget.selector, { matchLabels: service.selector }]) {
    expect([covers(each, template.metadata.labels), covers(each, app)]).toEqual([true, false]);
  }
  const apps = policy.ingress.flatMap(({ from }) => from.flatMap(({ podSelector }) => podSelector ?? []));
  expect(apps.map((each) => [covers(each, app), covers(each, { "app.kubernetes.io/name": "shop" })])).toEqual([
    [true, false],
  ]);
});

test.skipIf(spawnSync("kubectl", ["version", "--client"]).status !== 0)(
  "Kustomize renders what is written, where there is a kubectl to ask",
  () => {
    const { stdout } = spawnSync("kubectl", ["kustomize", join(root, "base")], { encoding: "utf8" });
    const rendered = parseAllDocuments(stdout, { version: "1.2" }).map((each) => each.toJS() as Manifest);
    const written = (read("base/kustomization.yaml").resources ?? []).map((file) => read(`base/${file}`));
    const byKind = (manifests: readonly Manifest[]) =>
      Object.fromEntries(
        manifests.map((each) => [each.kind, JSON.parse(JSON.stringify(each).replaceAll(":latest", ""))]),
      );
    expect(byKind(rendered)).toEqual(byKind(written));
  },
);

test("the variables that the manifests set are those of the executor", async () => {
  for (const file of files) {
    const text = readFileSync(join(root, file), "utf8");
    const pairs = [...text.matchAll(/name: (CODEMODE_EXECUTOR_\w+)\n\s+value: (\S+)/g)];
    const env = Object.fromEntries(pairs.map(([, name = "", value]) => [name, value]));
    delete env["CODEMODE_EXECUTOR_API_KEY_FILE"]; // which is not here
    delete env["CODEMODE_EXECUTOR_URL"]; // the app's
    const { warnings } = await loadConfig([], { ...env, CODEMODE_EXECUTOR_API_KEY: "k".repeat(32) });
    expect({ file, warnings }).toEqual({ file, warnings: [] });
  }
});

/** `value`, telling `seen` what of it is looked at, by path. */
function recorded(value: unknown, at: string, seen: Set<string>): unknown {
  if (typeof value !== "object" || value === null) return value;
  return new Proxy(value, {
    get(target, key) {
      if (typeof key === "string") seen.add(`${at}/${key}`);
      return recorded(Reflect.get(target, key), `${at}/${String(key)}`, seen);
    },
  });
}

function* paths(value: unknown, at = ""): Iterable<string> {
  if (typeof value !== "object" || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    yield `${at}/${key}`;
    yield* paths(inner, `${at}/${key}`);
  }
}
