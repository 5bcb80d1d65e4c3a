// A service with passport-openidconnect as its README shows it.
const passport = require('passport')
const app = require('express')()
const session = require('express-session')

app.use(session({ secret: 'of the test', resave: false, saveUninitialized: false }))
app.use(passport.session())
passport.serializeUser((user, done) => done(null, user))
passport.deserializeUser((user, done) => done(null, user))

// HERE IS WHAT WAS PRINTED

app.get('/login', passport.authenticate('openidconnect'))
app.get('/callback', passport.authenticate('openidconnect', { successRedirect: '/' }))
app.get('/', (request, response) => {
  response.send(request.user ? `<p>Hello ${request.user.name}</p>` : '<p>Nobody is signed in</p>')
})
app.get('/logout', (request, response) => {
  const leave = signOutOf(request.user)
  request.logout(() => response.redirect(leave))
})

app.listen(new URL(process.argv[2]).port, '127.0.0.1')
