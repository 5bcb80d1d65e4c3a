// jose verifies a logout token as OpenID Connect Back-Channel Logout 1.0 §2.6 says.
import { readFileSync } from 'node:fs'
import { createLocalJWKSet, jwtVerify } from 'jose'

const told = JSON.parse(readFileSync('logout_token.json', 'utf8'))
const { payload } = await jwtVerify(told.token, createLocalJWKSet(told.jwks), {
  issuer: told.issuer,
  audience: told.audience,
  typ: 'logout+jwt',
  algorithms: ['ES256'],
  requiredClaims: ['iat', 'exp', 'jti', 'events'],
  currentDate: new Date(told.now)
})
const event = 'http://schemas.openid.net/event/backchannel-logout'
if (!(event in payload.events) || 'nonce' in payload) throw new Error('no logout token')
console.log(JSON.stringify({ sub: payload.sub, sid: payload.sid }))
