// Words: prompts to generate from, and figures as people read them.
//
// Called by every other module of the page. Touches neither the network nor the document.

const SUBJECTS = [
  'lighthouse', 'tidepool', 'paper kite', 'night ferry', 'greenhouse', 'observatory', 'lantern', 'harbour', 'comet',
  'sundial', 'weather balloon', 'orchard', 'glacier', 'music box', 'compass', 'tram', 'beehive', 'canal', 'windmill',
  'telescope', 'meadow', 'archive', 'tea house', 'signal tower',
];
const MOODS = [
  'quiet', 'bright', 'drifting', 'patient', 'early', 'weightless', 'folded', 'distant', 'warm', 'northern', 'small',
  'half-remembered',
];
const LIGHTS = [
  'at first light', 'under a low moon', 'after rain', 'in thin fog', 'against the sun', 'by lamplight', 'at blue hour',
  'in deep winter',
];
const STYLES = ['hero', 'badge', 'icon', 'poster', 'mark', 'cover'];

const pick = (words) => words[Math.floor(Math.random() * words.length)];
const capital = (word) => word[0].toUpperCase() + word.slice(1);

/** `count` concepts with different subjects, as POST /generations takes them. */
export function makeConcepts(count) {
  const subjects = [...SUBJECTS].sort(() => Math.random() - 0.5).slice(0, count);
  return subjects.map((subject) => ({
    style: pick(STYLES),
    title: capital(subject),
    prompt: `a ${pick(MOODS)} ${subject} ${pick(LIGHTS)}`,
    seed: Math.floor(Math.random() * 2 ** 31),
  }));
}

/** Bytes in kilo- or megabytes, decimal as in a file listing. */
export function formatBytes(bytes) {
  if (bytes >= 1e6) return `${(bytes / 1e6).toFixed(1)} MB`;
  return `${bytes < 9950 && bytes > 0 ? (bytes / 1000).toFixed(1) : Math.round(bytes / 1000)} KB`;
}

/** Milliseconds with as many digits as still mean something. */
export function formatMs(ms) {
  if (ms >= 99.5) return `${Math.round(ms)} ms`;
  if (ms >= 0.995) return `${ms.toFixed(1)} ms`;
  return ms >= 0.005 ? `${ms.toFixed(2)} ms` : '<0.01 ms';
}

/** "1 image", "3 images". */
export const count = (n, one, many = `${one}s`) => `${n} ${n === 1 ? one : many}`;
