// Requests to the server that this page came from; the token is in the page's own address.

export class Refused extends Error {
  constructor(status, said) {
    super(said.hint ? `${said.message}; ${said.hint}` : said.message);
    this.status = status;
    this.said = said;
  }
}

async function ask(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Refused(0, { message: "the server does not answer", hint: "start yolo again in its terminal; what you drew is still here" });
  }
  if (response.ok) return response;
  const text = await response.text();
  let said;
  try { said = JSON.parse(text); } catch { said = { message: text }; }
  throw new Refused(response.status, said);
}

export async function get(path) {
  return (await ask(path)).json();
}

export async function send(method, path, value) {
  const options = { method, body: JSON.stringify(value), headers: { "Content-Type": "application/json" } };
  return (await ask(path, options)).json();
}

export async function bitmap(path) {
  return createImageBitmap(await (await ask(path)).blob());
}
