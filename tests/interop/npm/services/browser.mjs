// Serves one page whose script is what was printed, civitas.js, with oidc-client-ts.
import express from 'express'

const page = `<!doctype html><meta charset="utf-8"><title>Service</title>
<script type="importmap">
{"imports": {"oidc-client-ts": "/oidc-client-ts/dist/esm/oidc-client-ts.js",
             "jwt-decode": "/jwt-decode/build/esm/index.js"}}
</script>
<p id="said"></p>
<button id="in">Sign in</button><button id="again">Refresh</button><button id="out">Sign out</button>
<script type="module">
import { users } from '/civitas.js'
const say = (text) => { document.getElementById('said').textContent = text }
document.getElementById('in').onclick = () => users.signinRedirect()
document.getElementById('out').onclick = () => users.signoutRedirect()
document.getElementById('again').onclick = async () => {
  const before = (await users.getUser()).access_token
  const user = await users.signinSilent()
  say((user.access_token === before ? 'the same' : 'refreshed') + ' for ' + user.profile.name)
}
try {
  if (location.pathname === '/callback') {
    await users.signinRedirectCallback()
    history.replaceState({}, '', '/')
  }
  const user = await users.getUser()
  say(user ? 'Hello ' + user.profile.name : 'Nobody is signed in')
} catch (error) { say(String(error)) }
</script>`

const app = express()
app.use('/oidc-client-ts', express.static('node_modules/oidc-client-ts'))
app.use('/jwt-decode', express.static('node_modules/jwt-decode'))
app.get('/civitas.js', (request, response) => response.sendFile('civitas.js', { root: '.' }))
app.get('/favicon.ico', (request, response) => response.status(204).end())
app.get('/{*any}', (request, response) => response.send(page))
app.listen(new URL(process.argv[2]).port, '127.0.0.1')
