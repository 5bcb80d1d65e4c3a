// A service with openid-client, in Express; civitas.mjs is what was printed.
import express from 'express'
import session from 'express-session'
import * as client from 'openid-client'
import { begin, config, end } from './civitas.mjs'

const [, , url] = process.argv
const app = express()
app.use(session({ secret: 'of the test', resave: false, saveUninitialized: false }))

app.get('/login', async (request, response) => {
  const { url: away, ...kept } = await begin()
  request.session.kept = kept
  response.redirect(away.href)
})

app.get('/callback', async (request, response) => {
  const { person, tokens } = await end(new URL(request.originalUrl, url), request.session.kept)
  request.session.person = person
  request.session.tokens = tokens
  response.redirect('/')
})

app.get('/', (request, response) => {
  const { person } = request.session
  response.send(person ? `<p>Hello ${person.name}</p>` : '<p>Nobody is signed in</p>')
})

app.get('/refresh', async (request, response) => {
  const { person, tokens: before } = request.session
  const tokens = await client.refreshTokenGrant(config, before.refresh_token)
  const { name } = await client.fetchUserInfo(config, tokens.access_token, person.sub)
  const same = tokens.access_token === before.access_token
  response.send(`<p>${same ? 'the same' : 'refreshed'} for ${name}</p>`)
})

app.get('/logout', (request, response) => {
  const { id_token: hint } = request.session.tokens
  const leave = { id_token_hint: hint, post_logout_redirect_uri: `${url}/` }
  request.session.destroy(() => response.redirect(client.buildEndSessionUrl(config, leave).href))
})

app.listen(new URL(url).port, '127.0.0.1')
