// The gallery: a page without a framework. Its images are in the page as the server gives it; what a test shows later
// goes through `show`.
import { defineOrbitImage } from '/pkg/element/index.js';
import * as api from '/pkg/images.js';
import * as core from '/pkg/index.js';
import * as worker from '/pkg/sw/index.js';

const query = new URLSearchParams(location.search);
const main = document.querySelector('main');
// For the tests.
window.orbit = { ...core, ...api, ...worker };

function show(image, attributes) {
  const element = document.createElement('orbit-image');
  const { color, data_url } = image.placeholder;
  const all = { src: image.url, width: image.width, height: image.height, alt: image.id, color, placeholder: data_url };
  for (const [name, value] of Object.entries({ ...all, 'created-at': image.created_at, ...attributes })) element.setAttribute(name, value);
  return element;
}

window.show = (images, attributes = {}) => main.replaceChildren(...images.map((image) => show(image, attributes)));

defineOrbitImage();
if (query.has('worker')) await worker.registerOrbitWorker({ version: query.get('worker') });
if (query.has('thread')) window.stream = core.subscribeToThread(query.get('thread'), {}, { after: '$' });
document.documentElement.dataset.ready = 'yes';
