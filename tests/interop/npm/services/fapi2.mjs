// A service of FAPI 2.0 with openid-client, in Express; fapi2.json says what was registered.
import express from 'express'
import session from 'express-session'
import { readFileSync } from 'node:fs'
import * as client from 'openid-client'

const { issuer, client_id: id, jwk, signs, scope, url } = JSON.parse(readFileSync('fapi2.json', 'utf8'))
const algorithm = { name: 'ECDSA', namedCurve: 'P-256' }
const key = { key: await crypto.subtle.importKey('jwk', jwk, algorithm, false, ['sign']), kid: jwk.kid }
const config = await client.discovery(
  new URL(issuer),
  id,
  {
    id_token_signed_response_alg: 'ES256',
    authorization_signed_response_alg: 'ES256',
    ...(signs ? { introspection_signed_response_alg: 'ES256' } : {}),
  },
  client.PrivateKeyJwt(key),
  { execute: [client.allowInsecureRequests, ...(signs ? [client.useJwtResponseMode] : [])] },
)
if (signs) client.enableNonRepudiationChecks(config)
const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'))
const app = express()
app.use(session({ secret: 'of the test', resave: false, saveUninitialized: false }))

app.get('/login', async (request, response) => {
  const verifier = client.randomPKCECodeVerifier()
  const state = client.randomState()
  let asked = {
    redirect_uri: `${url}/callback`,
    scope,
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
  }
  if (signs) asked = (await client.buildAuthorizationUrlWithJAR(config, asked, key)).searchParams
  const away = await client.buildAuthorizationUrlWithPAR(config, asked, { DPoP })
  request.session.kept = { verifier, state }
  response.redirect(away.href)
})

app.get('/callback', async (request, response) => {
  const { verifier, state } = request.session.kept
  const here = new URL(request.originalUrl, url)
  const checks = { pkceCodeVerifier: verifier, expectedState: state }
  const tokens = await client.authorizationCodeGrant(config, here, checks, undefined, { DPoP })
  const { sub } = tokens.claims()
  request.session.person = await client.fetchUserInfo(config, tokens.access_token, sub, { DPoP })
  request.session.tokens = tokens
  request.session.hint = tokens.id_token
  response.redirect('/')
})

app.get('/', (request, response) => {
  const { person } = request.session
  response.send(person ? `<p>Hello ${person.name}</p>` : '<p>Nobody is signed in</p>')
})

app.get('/token', async (request, response) => {
  const { access_token: token, token_type: type } = request.session.tokens
  const told = await client.tokenIntrospection(config, token)
  const bare = await fetch(config.serverMetadata().userinfo_endpoint, {
    headers: { Authorization: `Bearer ${token}` },
  })
  response.send(`<p>${type} active=${told.active} jkt=${told.cnf.jkt.length} bare=${bare.status}</p>`)
})

app.get('/refresh', async (request, response) => {
  const { person, tokens: before } = request.session
  // The same one twice: an answer that got lost.
  await client.refreshTokenGrant(config, before.refresh_token, undefined, { DPoP })
  const tokens = await client.refreshTokenGrant(config, before.refresh_token, undefined, { DPoP })
  const { name } = await client.fetchUserInfo(config, tokens.access_token, person.sub, { DPoP })
  const same = tokens.access_token === before.access_token
  response.send(`<p>${same ? 'the same' : 'refreshed'} for ${name}</p>`)
})

app.get('/logout', (request, response) => {
  const leave = { id_token_hint: request.session.hint, post_logout_redirect_uri: `${url}/` }
  request.session.destroy(() => response.redirect(client.buildEndSessionUrl(config, leave).href))
})

app.listen(new URL(url).port, '127.0.0.1')
