/**
 * `withOrbit`: a Next.js configuration that reaches Orbit by the app's own origin. Called once, in
 * next.config; knows Next by the shape of its configuration alone.
 */
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { WIDTHS } from "../variant.js";

/** Where Orbit is, and what is set. */
export interface WithOrbitOptions {
  /** Default: `ORBIT_URL` in the environment, else `http://127.0.0.1:8000`. Read when the app is built. */
  url?: string;
  /** Whether `next/image` asks Orbit for each width. Default: true. */
  loader?: boolean;
}

interface Rewrite {
  source: string;
  destination: string;
}
interface Rewrites {
  beforeFiles?: unknown[];
  afterFiles?: unknown[];
  fallback?: unknown[];
}
type Part = Record<string, unknown>;
type Config = object;
type ConfigFunction = (phase: string, more: never) => Config | Promise<Config>;

// What the client asks of a server. A page or a route of the app's own goes first.
const PATHS = [
  "/api/images/:id",
  "/images",
  "/images/:path*",
  "/threads/:path*",
  "/generations",
  "/generations/:path*",
  "/purge",
];
// A narrow `<Image>` asks for these, a wide one for the others.
const NARROW = 384;
// An event stream says something each 15 s, an image may be waited for for 30 s.
const PROXY_TIMEOUT_MS = 60_000;

/** The configuration, or the function that makes it, with Orbit in it. */
export function withOrbit<C extends Config | ConfigFunction>(
  nextConfig: C,
  options: WithOrbitOptions = {},
): C {
  if (typeof nextConfig !== "function") return extend(nextConfig as Part, options) as C;
  const make = nextConfig as unknown as ConfigFunction;
  const made = async (phase: string, more: never): Promise<Config> =>
    extend((await make(phase, more)) as Part, options);
  return made as unknown as C;
}

function extend(config: Part, options: WithOrbitOptions): Part {
  const { images = {}, experimental = {}, rewrites } = config as Record<string, Part | undefined>;
  const url = (options.url ?? process.env.ORBIT_URL ?? "http://127.0.0.1:8000").replace(/\/+$/, "");
  const ours = PATHS.map((source) => ({ source, destination: `${url}${source}` }));
  return {
    ...config,
    experimental: { proxyTimeout: PROXY_TIMEOUT_MS, ...experimental },
    images: options.loader === false || images.loader ? images : { ...loaderSettings(), ...images },
    rewrites: async () => merge(await (rewrites as (() => unknown) | undefined)?.(), ours),
  };
}

// As a fallback: a plain list would take the place of dynamic routes, such as /api/images/[imageId].
function merge(theirs: unknown, ours: Rewrite[]): Rewrites {
  const given: Rewrites = Array.isArray(theirs)
    ? { afterFiles: theirs }
    : ((theirs as Rewrites) ?? {});
  return { ...given, fallback: [...(given.fallback ?? []), ...ours] };
}

function loaderSettings(): Part {
  // Next wants it relative to the project, where it is started.
  const file = fileURLToPath(new URL("./loader.js", import.meta.url));
  return {
    loader: "custom",
    loaderFile: `./${relative(process.cwd(), file)}`,
    imageSizes: WIDTHS.filter((width) => width <= NARROW),
    deviceSizes: WIDTHS.filter((width) => width > NARROW),
  };
}
