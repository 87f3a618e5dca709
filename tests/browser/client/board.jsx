// The board: a thread as it fills in, by React, as a user's app would show it.
import { OrbitImage, useThread } from 'orbit-images/react';
import { createRoot } from 'react-dom/client';

const thread = new URLSearchParams(location.search).get('thread');

function Board() {
  const { items, state, error, generate } = useThread(thread);
  // Of equal requests in flight the server makes one.
  const concepts = Array.from({ length: 4 }, () => ({ prompt: `concept ${Math.random()}`, size: '256x256' }));
  return (
    <>
      <button type="button" onClick={() => generate({ concepts })}>Generate</button>
      <p id="state">{state}</p>
      <p id="error" style={{ minHeight: '3em' }}>{error?.message}</p>
      <div id="board">
        {items.map(({ key, id, status, image }) => (
          <div key={key} data-key={key} data-id={id} data-status={status}>
            {image ? <OrbitImage image={image} alt={id} sizes="25vw" /> : <span style={{ display: 'block', aspectRatio: 1 }} />}
          </div>
        ))}
      </div>
    </>
  );
}

createRoot(document.getElementById('root')).render(<Board />);
