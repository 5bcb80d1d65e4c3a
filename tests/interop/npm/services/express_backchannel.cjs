// A service with express-openid-connect that hears of sign-outs, as its EXAMPLES.md shows it.
const { readFileSync } = require('node:fs')
const express = require('express')
const session = require('express-session')
const { auth } = require('express-openid-connect')

const told = JSON.parse(readFileSync('backchannel.json', 'utf8'))
const app = express()
app.use(auth({
  issuerBaseURL: told.issuer,
  clientID: told.client_id,
  clientSecret: told.client_secret,
  baseURL: told.url,
  secret: 'a long secret, of the test alone',
  authRequired: false,
  authorizationParams: { response_type: 'code', scope: 'openid' },
  idTokenSigningAlg: 'RS256',
  session: { store: new session.MemoryStore() },
  backchannelLogout: true
}))

app.get('/', (request, response) => {
  response.send(request.oidc.isAuthenticated() ? '<p>Hello</p>' : '<p>Nobody is signed in</p>')
})

app.listen(new URL(told.url).port, '127.0.0.1')
