// A service with express-openid-connect as its quick start shows it.
const app = require('express')()

// HERE IS WHAT WAS PRINTED

app.get('/', async (request, response) => {
  const { name } = await request.oidc.fetchUserInfo()
  response.send(`<p>Hello ${name}</p>`)
})

app.get('/refresh', async (request, response) => {
  const before = request.oidc.accessToken.access_token
  const { access_token: after } = await request.oidc.accessToken.refresh()
  const { name } = await request.oidc.fetchUserInfo()
  response.send(`<p>${after === before ? 'the same' : 'refreshed'} for ${name}</p>`)
})

app.listen(new URL(process.argv[2]).port, '127.0.0.1')
