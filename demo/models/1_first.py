from whimbrel import models


class Author(models.Model):
    name = models.CharField(max_length=80)


class Product(models.Model):
    title = models.CharField(max_length=100)
    price = models.DecimalField(max_digits=8, decimal_places=2)
    author = models.ForeignKey(Author, models.CASCADE, related_name="products")
