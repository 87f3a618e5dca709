/** What is shown where Orbit does not answer: in words, and with what to do. */

export function Unreachable() {
  return (
    <div className="note" data-kind="problem" role="status">
      <p><b>Orbit does not answer.</b></p>
      <p>Start it with <code>orbit serve</code>, or say where it is: <code>ORBIT_URL=http://host:8000 npm start</code>. Then load this page again.</p>
    </div>
  );
}
